/** Sweeps now and then: what nothing needs any more in the store, the database and the work folder. */
import { sweep } from '#jobs/sweeps.js';
import type { Platform } from '#platform/platform.js';

const firstSeconds = 60;
const everySeconds = 3600;

export class Caretaker {
  private timer: NodeJS.Timeout | undefined;
  private isStopped = false;

  constructor(
    private readonly platform: Platform,
    private readonly sweepWork: () => Promise<void>,
  ) {}

  start(): void {
    this.schedule(firstSeconds);
  }

  stop(): void {
    this.isStopped = true;
    clearTimeout(this.timer);
  }

  private schedule(seconds: number): void {
    if (this.isStopped) return;
    // Not all workers at the same moment.
    this.timer = setTimeout(
      () => void this.work().finally(() => this.schedule(everySeconds)),
      1000 * seconds * (0.75 + 0.5 * Math.random()),
    );
    this.timer.unref();
  }

  private async work(): Promise<void> {
    const { log } = this.platform;
    try {
      await this.sweepWork();
      await sweep(this.platform, log);
    } catch (err) {
      log.warn({ err }, 'sweeping has to wait');
    }
  }
}
