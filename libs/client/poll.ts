/** Work that goes on at the server, looked at until it is over. */
import { waitFor } from '#base/wait.js';

export interface PollOptions<T> {
  readonly signal?: AbortSignal;
  /** Told of the work as soon as it is there, and again whenever it was looked at. */
  readonly onProgress?: (work: T) => void;
}

const firstPauseMs = 100;
const maxPauseMs = 2000;
const growth = 1.5;

/** Reads again and again, less and less often, while the work is pending. Throws what `read` does and the signal's reason. */
export async function poll<T>(
  first: T,
  isPending: (work: T) => boolean,
  read: () => Promise<T>,
  { signal, onProgress }: PollOptions<T> = {},
): Promise<T> {
  let work = first;
  for (let pause = firstPauseMs; isPending(work); pause = Math.min(growth * pause, maxPauseMs)) {
    onProgress?.(work);
    await waitFor(pause, signal);
    work = await read();
  }
  return work;
}
