/**
 * The trainer: one process, one job.
 *
 * Started by hand it shows how the training goes; forked it speaks the messages of libs/contracts/trainer-messages.ts.
 */
import { type TrainerCommand, trainerCommand } from '#contracts/trainer-messages.js';
import { LowrankError } from '#base/errors.js';
import { CancelRequest } from '#training/cancellation.js';
import { parseArguments, type TrainerArguments, usage } from './arguments.js';
import { ParentReporter } from './parent-reporter.js';
import type { Reporter } from './reporter.js';
import { exitCodes, runJob } from './run-job.js';
import { TerminalReporter } from './terminal-reporter.js';

/** Which job to run, and whether to go on from its newest checkpoint. */
interface JobOrder {
  readonly jobFile: string;
  readonly resume: boolean;
}

async function main(args: readonly string[]): Promise<number> {
  let parsed: TrainerArguments | 'help';
  try {
    parsed = parseArguments(args);
  } catch (error) {
    if (!(error instanceof LowrankError)) throw error;
    console.error(error.message);
    return exitCodes.badJob;
  }
  if (parsed === 'help') {
    console.log(usage);
    return exitCodes.finished;
  }
  const { json } = parsed;
  const reporter: Reporter = process.send
    ? new ParentReporter()
    : new TerminalReporter(process.stdout, { json });
  const abort = new AbortController();
  const cancel = (checkpoint: boolean) => abort.abort(new CancelRequest(checkpoint));
  let wantsCheckpoint = false;
  let begin: (order: JobOrder | undefined) => void = () => undefined;
  const ordered = new Promise<JobOrder | undefined>((resolve) => (begin = resolve));
  if (parsed.jobFile !== undefined) begin({ jobFile: parsed.jobFile, resume: parsed.resume });
  const obey = (command: TrainerCommand) => {
    if (command.type === 'run') begin({ jobFile: command.job_file, resume: command.resume });
    else if (command.type === 'cancel') cancel(command.checkpoint);
    else wantsCheckpoint = true;
  };
  if (process.send) {
    process.on('message', (message) => {
      const command = trainerCommand.safeParse(message);
      if (command.success) obey(command.data);
      else reporter.report({ type: 'log', level: 'warn', message: 'an unknown command was ignored' });
    });
    // Nobody waits for the result any more.
    process.once('disconnect', () => cancel(false));
  } else if (parsed.jobFile === undefined) {
    console.error('--wait needs a parent process with a channel');
    return exitCodes.badJob;
  }
  abort.signal.addEventListener('abort', () => begin(undefined));
  // Once only: the second Ctrl-C finds no handler and ends the process.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => cancel(true));
  const order = await ordered;
  if (!order) {
    await reporter.close();
    return exitCodes.cancelled;
  }
  const code = await runJob({
    ...order,
    onMessage: (message) => reporter.report(message),
    takeCheckpointRequest: () => {
      const wanted = wantsCheckpoint;
      wantsCheckpoint = false;
      return wanted;
    },
    signal: abort.signal,
  });
  await reporter.close();
  return code;
}

process.exitCode = await main(process.argv.slice(2));
