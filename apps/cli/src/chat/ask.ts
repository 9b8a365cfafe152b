/** One answer from a model, computed in a process of its own. */
import { fork } from 'node:child_process';
import { join } from 'node:path';
import { errorOf, LowrankError } from '#base/errors.js';
import { trainingEnvironment } from '#runtime/process-environment.js';
import { programRoot } from '../installation.js';
import { type ChatAnswer, chatMessage, type ChatTask } from './messages.js';

export interface AskOptions {
  /** Told the text as it comes. */
  readonly onText?: (text: string) => void;
  readonly signal?: AbortSignal;
}

/** Throws LowrankError with what went wrong in the process, `chat_failed` if it died, and the signal's reason. */
export async function ask(
  task: Omit<ChatTask, 'type'>,
  { onText, signal }: AskOptions = {},
): Promise<ChatAnswer> {
  signal?.throwIfAborted();
  const child = fork(join(programRoot, 'dist/apps/cli/src/chat/process.js'), {
    execArgv: [],
    env: { ...process.env, ...trainingEnvironment },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const kill = () => child.kill('SIGKILL');
  signal?.addEventListener('abort', kill, { once: true });
  try {
    return await new Promise<ChatAnswer>((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (code, by) => {
        const message = `the process that computes ended ${by ? `by ${by}` : `with code ${code}`} before it answered`;
        reject(new LowrankError('chat_failed', `${message}: is there memory enough?`));
      });
      child.on('message', (value) => {
        const message = chatMessage.parse(value);
        if (message.type === 'text') onText?.(message.text);
        else if (message.type === 'done') resolve(message);
        else reject(errorOf(message.error));
      });
      child.send({ type: 'task', ...task });
    });
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  } finally {
    signal?.removeEventListener('abort', kill);
    child.kill('SIGKILL');
  }
}
