/** Trainer processes as tests start them. */
import { type ChildProcess, fork, spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import type { TrainerJobInput } from '#contracts/trainer-job.js';
import { loopReport, reply, type Request } from '#contracts/process-calls.js';
import { trainerEnd, type TrainerMessage, trainerUpdate } from '#contracts/trainer-calls.js';

const main = join(import.meta.dirname, '../../dist/processes/trainer.js');

export interface TrainerExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Writes a job file into a folder, named after its output folder; relative paths in it start there. */
export async function writeJob(folder: string, job: TrainerJobInput): Promise<string> {
  const file = join(folder, `${job.output_folder}.json`);
  await writeFile(file, JSON.stringify(job));
  return file;
}

function exitOf(child: ChildProcess): Promise<TrainerExit> {
  let stdout = '';
  let stderr = '';
  child.stdout?.on('data', (text) => (stdout += String(text)));
  child.stderr?.on('data', (text) => (stderr += String(text)));
  // Not the event `close`: it does not come when the channel was closed from this side.
  const exit = new Promise<Pick<TrainerExit, 'code' | 'signal'>>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => resolve({ code, signal }));
  });
  const ends = [child.stdout, child.stderr].map((stream) => stream && finished(stream));
  return Promise.all([exit, ...ends]).then(([status]) => ({ ...status, stdout, stderr }));
}

/** Runs a job as a person would, in a pipe. */
export async function runByHand(
  jobFile: string,
  args: readonly string[] = [],
  onText?: (text: string, child: ChildProcess) => void,
): Promise<TrainerExit> {
  const child = spawn(process.execPath, [main, jobFile, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  child.stdout.on('data', (text) => onText?.(String(text), child));
  return exitOf(child);
}

/** What a test may do with a trainer while it trains. */
export interface RunningTrainer {
  readonly child: ChildProcess;
  stop(how: { checkpoint: boolean }): void;
  requestCheckpoint(): void;
}

/** Runs a job as a parent process does and collects what it tells; the last message is the end. */
export async function runForked(
  jobFile: string,
  { resume = false }: { resume?: boolean } = {},
  onMessage?: (message: TrainerMessage, trainer: RunningTrainer) => void,
  // Not the test runner's own flags, which would make the child look for TypeScript sources.
  execArgv: readonly string[] = [],
): Promise<TrainerExit & { messages: TrainerMessage[] }> {
  const child = fork(main, ['--wait'], {
    execArgv: [...execArgv],
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  const ask = (call: number, method: string, input: unknown) =>
    child.send({ call, method, input } satisfies Request);
  const trainer = {
    child,
    stop: (how: { checkpoint: boolean }) => ask(2, 'stop', how),
    requestCheckpoint: () => ask(3, 'checkpoint', null),
  };
  const messages: TrainerMessage[] = [];
  child.on('message', (value) => {
    if (loopReport.safeParse(value).success) return;
    const said = reply.parse(value);
    if (said.call !== 1) return;
    const message =
      'update' in said
        ? trainerUpdate.parse(said.update)
        : 'result' in said
          ? trainerEnd.parse(said.result)
          : { type: 'failed' as const, error: said.error };
    messages.push(message);
    onMessage?.(message, trainer);
  });
  ask(1, 'train', { job_file: jobFile, resume });
  return { ...(await exitOf(child)), messages };
}
