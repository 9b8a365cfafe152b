/** Waiting that ends with a signal. */
import { setTimeout as sleep } from 'node:timers/promises';

/** Resolves after some milliseconds; throws the signal's reason when it aborts. */
export async function waitFor(milliseconds: number, signal?: AbortSignal): Promise<void> {
  try {
    await sleep(milliseconds, undefined, { signal });
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  }
}
