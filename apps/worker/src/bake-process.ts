/** The process that composes and exports, as the worker sees it. */
import { join } from 'node:path';
import { type BakeMessage, bakeMessage } from '#contracts/bake-messages.js';
import { LowrankError } from '#base/errors.js';
import { forkComputing } from '#platform/computing-process.js';
import type { TaskProgress } from '#platform/database/entities/task.js';

/** The compiled entry beside this one. */
const bakeMain = join(import.meta.dirname, 'bake-main.js');

export type BakeEnd = Exclude<BakeMessage, { type: 'progress' }>;

/** Does what a job file says. Throws LowrankError `bake_died` if the process ends without a word, and the signal's reason. */
export async function runBake(
  jobFile: string,
  signal: AbortSignal,
  onProgress: (progress: TaskProgress) => void,
): Promise<BakeEnd> {
  signal.throwIfAborted();
  const { child, output } = forkComputing(bakeMain, [jobFile]);
  const stop = () => child.kill('SIGKILL');
  signal.addEventListener('abort', stop);
  let said: BakeEnd | undefined;
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
      `the process that works on adapters ended by ${how}: ${output().trim()}`,
    );
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
