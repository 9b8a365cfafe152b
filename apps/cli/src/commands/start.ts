/** `lowrank start`: the whole service on this machine, until Ctrl-C. */
import type { Command } from 'commander';
import type { CommandContext, Run } from '../context.js';
import { exitCodes } from '#base/error-codes.js';
import { Interrupted } from '../exit-codes.js';
import { programVersion } from '#platform/program.js';
import { describeGap, type LogGap, LogSink } from '#platform/log-sink.js';
import { LogPrinter } from '../launcher/log-lines.js';
import type { TextStream } from '../output.js';
import { wholeNumber } from './arguments.js';

interface StartOptions {
  readonly workers: number;
}

export function addStart(program: Command, run: Run): void {
  program
    .command('start')
    .description('run the service on this machine: database, API and worker')
    .option('--workers <number>', 'worker processes', wholeNumber(0, 64), 1)
    .action(run<StartOptions>(start));
}

async function start(context: CommandContext, _: readonly string[], options: StartOptions): Promise<number> {
  const { environment, json, output, signal, stderr } = context;
  const log = printerOn(stderr, { json, colour: !environment['NO_COLOR'] });
  // Only here, since it brings the database's client along.
  const { startStack } = await import('../launcher/launcher.js');
  const stack = await startStack({ environment, log, workers: options.workers, signal });
  const { url, home } = stack;
  output.result(
    { event: 'ready', url, home, version: programVersion, pid: process.pid },
    () =>
      `Lowrank ${programVersion} is ready on ${url} (documents: ${url}/docs, home: ${home}). Ctrl-C stops it.`,
  );
  await aborted(signal);
  output.note('Stopping: running jobs are put back into the queue. Ctrl-C again stops at once.');
  const hurry = new AbortController();
  const again = () => hurry.abort();
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const name of signals) process.once(name, again);
  await stack.stop(hurry.signal);
  for (const name of signals) process.off(name, again);
  // Being asked to end is how a service ends.
  return signal.reason instanceof Interrupted ? exitCodes.done : exitCodes.failed;
}

/** A full disk under the log is no reason to stop what runs. */
function printerOn(
  stderr: TextStream & { readonly fd?: number },
  asked: { readonly json: boolean; readonly colour: boolean },
): LogPrinter {
  const isTerminal = stderr.isTTY === true;
  const options = { json: asked.json || !isTerminal, colour: asked.colour && isTerminal };
  if (stderr.fd === undefined) {
    return new LogPrinter({ ...options, write: (line) => stderr.write(`${line}\n`) });
  }
  const notices: string[] = [];
  const quiet = new LogPrinter({ ...options, write: (line) => notices.push(line) });
  const notice = (gap: LogGap) => {
    quiet.say('warn', describeGap(gap));
    return `${notices.splice(0).join('\n')}\n`;
  };
  const sink = new LogSink(stderr.fd, { notice });
  return new LogPrinter({ ...options, write: (line) => sink.write(`${line}\n`) });
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
