/** Work that a worker of the server does: compositions and exports. */
import { errorOf } from '#base/errors.js';
import { poll, type PollOptions } from './poll.js';

/** A composition or an export, as far as waiting for it goes. */
export interface Work {
  readonly id: string;
  readonly object: 'composition' | 'export' | 'push';
  readonly status: string;
  readonly progress: { readonly stage: string; readonly done: number; readonly total: number } | null;
  readonly waiting: { readonly message: string } | null;
  readonly error: { readonly code: string; readonly message: string } | null;
}

/** Whether it waits for a worker or is being done. */
export function isPending({ status }: Pick<Work, 'status'>): boolean {
  return status === 'queued' || status === 'running';
}

/** Waits until it is done. Throws LowrankError with the code that it failed with, or `cancelled`. */
export async function untilDone<T extends Work>(
  begun: T,
  read: () => Promise<T>,
  options: PollOptions<Work>,
): Promise<T> {
  const work = await poll(begun, isPending, read, options);
  if (work.status === 'succeeded') return work;
  const error = work.error ?? { code: 'cancelled', message: `${work.id} was cancelled` };
  throw errorOf({ ...error, details: { id: work.id } });
}
