/** Work of the server, as a terminal shows it. */
import type { PollOptions } from '#client/poll.js';
import type { Work } from '#client/work.js';
import type { CommandContext } from './context.js';
import { Interrupted } from './exit-codes.js';
import { StatusLine } from './progress-bar.js';
import { statusText } from './work-status.js';

/**
 * Shows how far the server is, on a terminal.
 *
 * Ctrl-C ends the waiting only: then it says what goes on at the server, and throws Interrupted.
 */
export async function watching<T>(
  { output, signal }: CommandContext,
  work: (options: PollOptions<Work>) => Promise<T>,
): Promise<T> {
  const bar = StatusLine.on(output);
  let seen: Work | undefined;
  const onProgress = (now: Work) => {
    seen = now;
    bar?.show(statusText(now));
  };
  try {
    return await work({ signal, onProgress });
  } catch (error) {
    bar?.clear();
    if (error instanceof Interrupted && seen) output.result(seen, howToGoOn(seen));
    throw error;
  } finally {
    bar?.clear();
  }
}

const howToGoOn =
  ({ id, object }: Work) =>
  () =>
    `${id} goes on without you.\nlook at it:  lowrank ${listOf(object)}\ncancel it:   lowrank ${listOf(object)} cancel ${id}`;

const listOf = (object: Work['object']) => (object === 'push' ? 'pushes' : `${object}s`);
