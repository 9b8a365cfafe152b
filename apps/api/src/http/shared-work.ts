/** Work that several may wait for, stopped when nobody does any more. */
export class SharedWork<T> {
  private readonly abort = new AbortController();
  private readonly result: Promise<T>;
  private waiting = 0;
  private farewell: NodeJS.Timeout | undefined;

  /** After the last has gone, another may come for `graceMilliseconds` before the work's signal aborts. */
  constructor(
    work: (signal: AbortSignal) => Promise<T>,
    private readonly graceMilliseconds: number,
  ) {
    this.result = work(this.abort.signal);
    // Those who wait are told; a failure that nobody waits for is no unhandled rejection.
    this.result.catch(() => undefined);
  }

  /** Whether its signal has been aborted, so that it is of no use to those who come now. */
  get isStopped(): boolean {
    return this.abort.signal.aborted;
  }

  /** Waits for the result, or until the signal aborts. Throws what the work throws, and the signal's reason. */
  async wait(signal: AbortSignal): Promise<T> {
    signal.throwIfAborted();
    clearTimeout(this.farewell);
    this.waiting++;
    let leave = () => {};
    const gone = new Promise<never>((_, reject) => {
      leave = () => reject(signal.reason as Error);
      signal.addEventListener('abort', leave);
    });
    try {
      return await Promise.race([this.result, gone]);
    } finally {
      signal.removeEventListener('abort', leave);
      if (--this.waiting === 0) {
        this.farewell = setTimeout(() => this.abort.abort(), this.graceMilliseconds).unref();
      }
    }
  }
}
