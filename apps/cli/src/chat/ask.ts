/** One answer from a model, computed in a process of its own. */
import { LowrankError } from '#base/errors.js';
import { howEnded, ProcessClient } from '#platform/process-client.js';
import { trainingEnvironment } from '#runtime/process-environment.js';
import { processMain } from '#platform/program.js';
import { type ChatAnswer, chatMethods, type ChatTask } from './calls.js';

export interface AskOptions {
  /** Told the text as it comes. */
  readonly onText?: (text: string) => void;
  readonly signal?: AbortSignal;
}

/** Throws LowrankError with what went wrong in the process, `chat_failed` if it died, and the signal's reason. */
export async function ask(task: ChatTask, { onText, signal }: AskOptions = {}): Promise<ChatAnswer> {
  signal?.throwIfAborted();
  const process = new ProcessClient({
    methods: chatMethods,
    main: processMain('chat'),
    environment: trainingEnvironment,
    died: (exit) => {
      const said = exit.output.trim();
      const message = `the process that computes ended ${howEnded(exit)} before it answered: is there memory enough?`;
      return new LowrankError('chat_failed', said ? `${message}\n${said}` : message);
    },
  });
  try {
    return await process.call('answer', task, { signal, onUpdate: onText, graceSeconds: 0 });
  } finally {
    process.kill();
    await process.ended;
  }
}
