/** When a connection that broke is made again. */
import type { Connection } from './connection.js';
import { isTemporary } from './errors.js';
import { ConnectionError } from './transport.js';
import { waitFor } from '#base/wait.js';

export interface ReconnectOptions {
  readonly signal?: AbortSignal;
  /** How long a server that is away is waited for, in seconds; default 60. */
  readonly patienceSeconds?: number;
  /** Told why, when the connection broke and is made again. */
  readonly onBreak?: (cause: Error) => void;
}

const defaultPatienceSeconds = 60;
const firstPauseMs = 100;
const maxPauseMs = 2000;

export class Reconnection {
  private brokenSince: number | undefined;
  private pauseMs = firstPauseMs;

  constructor(
    private readonly connection: Connection,
    private readonly options: ReconnectOptions,
  ) {}

  /** Something came, so that the patience begins anew. */
  succeeded(): void {
    this.brokenSince = undefined;
    this.pauseMs = firstPauseMs;
  }

  /**
   * Waits before the next try. Throws what no other try helps against, `server_unreachable` after the patience, and the
   * signal's reason.
   */
  async after(cause: unknown): Promise<void> {
    const { signal, patienceSeconds = defaultPatienceSeconds, onBreak } = this.options;
    signal?.throwIfAborted();
    if (!(cause instanceof ConnectionError) && !isTemporary(cause)) throw cause;
    const error = cause as Error;
    const now = performance.now();
    this.brokenSince ??= now;
    if (now - this.brokenSince > 1000 * patienceSeconds) {
      throw error instanceof ConnectionError ? this.connection.unreachable(error) : error;
    }
    onBreak?.(error);
    await waitFor(this.pauseMs, signal);
    this.pauseMs = Math.min(2 * this.pauseMs, maxPauseMs);
  }
}
