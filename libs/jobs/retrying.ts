/** Waiting for a database that is away for a while. */
import { setTimeout as sleep } from 'node:timers/promises';

/** SQLSTATE classes and codes under which the same transaction may well succeed later. */
const passingStates = /^(08|57P0|40001|40P01|53100|53300|25006)/;
const passingErrors = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ENOENT',
]);
/** Of pg, and of TypeORM when a connection broke between two queries of a transaction. */
const passingMessages =
  /query runner already released|connection terminated|connection error|not queryable|client was closed|timeout expired|timeout exceeded|not established|connection ended|server closed the connection/i;

/** Whether a database call failed because the database could not be reached, or asked to be tried again. */
export function isPassing(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { code, syscall } = error as NodeJS.ErrnoException;
  if (typeof code === 'string') {
    if (passingStates.test(code)) return true;
    // ENOENT of a socket's path, not of a file.
    if (passingErrors.has(code) && (code !== 'ENOENT' || syscall === 'connect')) return true;
  }
  if (passingMessages.test(error.message)) return true;
  if (error instanceof AggregateError) return error.errors.some(isPassing);
  const inner = (error as { driverError?: unknown }).driverError ?? error.cause;
  return inner !== undefined && inner !== error && isPassing(inner);
}

export interface RetryOptions {
  /** How long to go on trying; default 30 minutes. */
  readonly seconds?: number;
  readonly signal?: AbortSignal;
  /** Told of the first failure. */
  readonly onWaiting?: (error: unknown) => void;
}

/**
 * Does the work, and again with growing pauses as long as the database cannot be reached. Work that may have been
 * committed without an answer is done twice: it must be safe to repeat. Throws its last error, or the signal's reason.
 */
export async function whenReachable<T>(
  work: () => Promise<T>,
  { seconds = 1800, signal, onWaiting }: RetryOptions = {},
): Promise<T> {
  const deadline = performance.now() + 1000 * seconds;
  for (let tries = 0; ; tries++) {
    try {
      return await work();
    } catch (error) {
      if (!isPassing(error) || performance.now() > deadline) throw error;
      if (tries === 0) onWaiting?.(error);
    }
    await sleep(Math.min(2000, 100 * 2 ** tries), undefined, { signal }).catch(() =>
      signal?.throwIfAborted(),
    );
  }
}
