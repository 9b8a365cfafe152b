/** Notices when something that should speak now and then has fallen silent. */

/** How much of the limit is given once more before silence is believed: the watcher itself may have been frozen. */
const secondLook = 0.05;

export class SilenceWatch {
  private timer: NodeJS.Timeout | undefined;
  private resetAt = performance.now();
  private isStopped = false;

  constructor(
    /** Seconds that silence may last now. */
    private readonly limit: () => number,
    private readonly onSilent: (seconds: number) => void,
  ) {
    this.arm();
  }

  reset(): void {
    this.resetAt = performance.now();
    this.arm();
  }

  stop(): void {
    this.isStopped = true;
    clearTimeout(this.timer);
  }

  private arm(): void {
    clearTimeout(this.timer);
    if (this.isStopped) return;
    const limit = this.limit();
    this.timer = setTimeout(() => {
      // Messages that wait in the pipe are read before this second timer.
      this.timer = setTimeout(
        () => this.onSilent((performance.now() - this.resetAt) / 1000),
        Math.max(50, 1000 * secondLook * limit),
      );
    }, 1000 * limit);
  }
}
