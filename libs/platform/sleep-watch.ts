/** Notices that this process stood still, because the machine slept or the process was stopped. */

/** How often it looks, as a share of the shortest sleep that counts. */
const lookShare = 0.25;
const longestLookMs = 1000;

/**
 * After a sleep every sign of life looks old, of the living too: whoever judges by them waits until they had time to give
 * new ones.
 */
export class SleepWatch {
  private timer: NodeJS.Timeout | undefined;
  private last = clocks();
  private wokeAt = -Infinity;

  /** Sleeps of less than `shortestSeconds` do not count. */
  constructor(private readonly shortestSeconds: number) {}

  start(): void {
    this.last = clocks();
    const every = Math.min(longestLookMs, 1000 * lookShare * this.shortestSeconds);
    this.timer ??= setInterval(() => this.look(), every);
    this.timer.unref();
  }

  stop(): void {
    clearInterval(this.timer);
    this.timer = undefined;
  }

  /** Since the last sleep, or since ever if there was none. */
  get secondsAwake(): number {
    // The timer of whoever asks may have come before this one's.
    if (this.timer) this.look();
    return (performance.now() - this.wokeAt) / 1000;
  }

  private look(): void {
    const now = clocks();
    // A machine that sleeps may stop the one clock, and somebody may set the other.
    const gap = Math.max(now.steady - this.last.steady, now.wall - this.last.wall);
    if (gap > 1000 * this.shortestSeconds) this.wokeAt = now.steady;
    this.last = now;
  }
}

const clocks = () => ({ steady: performance.now(), wall: Date.now() });
