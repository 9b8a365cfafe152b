/** `lowrank start`: the whole service on this machine, until Ctrl-C. */
import type { Command } from 'commander';
import type { CommandContext, Run } from '../context.js';
import { exitCodes } from '#base/error-codes.js';
import { Interrupted } from '../exit-codes.js';
import { programVersion } from '../installation.js';
import { LogPrinter } from '../launcher/log-lines.js';
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
  const log = new LogPrinter({
    json: json || stderr.isTTY !== true,
    colour: stderr.isTTY === true && !environment['NO_COLOR'],
    write: (line) => stderr.write(`${line}\n`),
  });
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

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
