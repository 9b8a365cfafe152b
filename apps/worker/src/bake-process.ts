/** The process that composes and exports, as the worker sees it. */
import { fork } from 'node:child_process';
import { join } from 'node:path';
import { type BakeMessage, bakeMessage } from '#contracts/bake-messages.js';
import { LowrankError } from '#jit/errors.js';
import type { TaskProgress } from '#platform/database/entities/task.js';

/** The compiled entry beside this one. */
const bakeMain = join(import.meta.dirname, 'bake-main.js');
const keptOutput = 4000;
/** It needs none of the service's own secrets. */
const secrets = ['DATABASE_URL', 'REDIS_URL', 'S3_ACCESS_KEY', 'S3_SECRET_KEY'];

export type BakeEnd = Exclude<BakeMessage, { type: 'progress' }>;

/** Does what a job file says. Throws LowrankError `bake_died` if the process ends without a word, and the signal's reason. */
export async function runBake(
  jobFile: string,
  signal: AbortSignal,
  onProgress: (progress: TaskProgress) => void,
): Promise<BakeEnd> {
  signal.throwIfAborted();
  const env: NodeJS.ProcessEnv = { ...process.env };
  for (const name of secrets) delete env[name];
  const child = fork(bakeMain, [jobFile], { env, execArgv: [], stdio: ['ignore', 'pipe', 'pipe', 'ipc'] });
  const stop = () => child.kill('SIGKILL');
  signal.addEventListener('abort', stop);
  let said: BakeEnd | undefined;
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (text) => (output = (output + String(text)).slice(-keptOutput)));
  }
  child.on('message', (value) => {
    const message = bakeMessage.safeParse(value);
    if (!message.success) return;
    if (message.data.type === 'progress') {
      const { stage, done, total } = message.data;
      onProgress({ stage, done, total });
    } else said = message.data;
  });
  try {
    const how = await new Promise<string>((resolve) => {
      // After the last message, unlike `exit`.
      child.once('close', (code, by) => resolve(by ?? `exit code ${code}`));
      child.once('error', ({ message }) => resolve(message));
    });
    signal.throwIfAborted();
    if (said) return said;
    throw new LowrankError(
      'bake_died',
      `the process that works on adapters ended by ${how}: ${output.trim()}`,
    );
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
