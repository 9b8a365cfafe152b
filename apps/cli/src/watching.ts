/** Work of the server, as a terminal shows it. */
import type { WaitOptions } from './client/compositions.js';
import type { CommandContext } from './context.js';
import { StatusLine } from './progress-bar.js';

/** Shows how far the server is, on a terminal. */
export async function watching<T>(
  { output, signal }: CommandContext,
  work: (options: WaitOptions) => Promise<T>,
): Promise<T> {
  const bar = output.isTerminal
    ? new StatusLine(
        (text) => output.raw(text),
        () => output.width,
      )
    : undefined;
  try {
    return await work({
      signal,
      onProgress: ({ status, progress }) =>
        bar?.show(
          progress ? `${progress.stage} ${Math.round((100 * progress.done) / progress.total)}%` : status,
        ),
    });
  } finally {
    bar?.clear();
  }
}
