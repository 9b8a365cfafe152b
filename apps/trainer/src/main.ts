/**
 * The trainer: one process, one job.
 *
 * Started by hand it shows how the training goes; with `--wait` it takes its job from its parent process, see
 * libs/contracts/trainer-calls.ts.
 */
import { factsOf, LowrankError } from '#base/errors.js';
import { parseArguments, type TrainerArguments, usage } from './arguments.js';
import { exitCodeOfEnd, exitCodeOfError, exitCodes } from './exit-codes.js';
import { RunControl } from './run-control.js';
import { printJob, runJob } from './run-job.js';
import { serveParent } from './serve-parent.js';
import { TerminalReporter } from './terminal-reporter.js';

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
  const control = new RunControl();
  // Once only: the second Ctrl-C finds no handler and ends the process.
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => control.stop({ checkpoint: true }));
  const { jobFile } = parsed;
  if (jobFile !== undefined) return runByHand({ ...parsed, jobFile }, control);
  if (process.send) return serveParent(control);
  console.error('--wait needs a parent process with a channel');
  return exitCodes.badJob;
}

async function runByHand(
  { jobFile, resume, json, graph }: TrainerArguments & { jobFile: string },
  control: RunControl,
): Promise<number> {
  // What is asked for stands alone in the output.
  const reporter = new TerminalReporter(graph ? process.stderr : process.stdout, { json });
  let code: number;
  try {
    if (graph) {
      process.stdout.write(await printJob(jobFile, (update) => reporter.report(update), control.signal));
      await reporter.close();
      return exitCodes.finished;
    }
    const end = await runJob({
      jobFile,
      resume,
      onUpdate: (update) => reporter.report(update),
      takeCheckpointRequest: () => control.takeCheckpointRequest(),
      signal: control.signal,
    });
    reporter.report(end);
    code = exitCodeOfEnd(end);
  } catch (error) {
    reporter.report({ type: 'failed', error: factsOf(error) });
    code = exitCodeOfError(error);
  }
  await reporter.close();
  return code;
}

process.exitCode = await main(process.argv.slice(2));
