/** Sweeps now and then: what nothing needs any more in the store, the database and the work folder. */
import { freeDeleted, sweep } from '#jobs/sweeps.js';
import type { Platform } from '#platform/platform.js';

const firstSeconds = 60;
const everySeconds = 3600;
/** How often the bytes go of what was deleted while a job needed it. */
const freeSeconds = 60;

export class Caretaker {
  private timer: NodeJS.Timeout | undefined;
  private freeTimer: NodeJS.Timeout | undefined;
  private isStopped = false;

  constructor(
    private readonly platform: Platform,
    private readonly sweepWork: () => Promise<void>,
  ) {}

  start(): void {
    this.schedule(firstSeconds);
    this.freeTimer = setInterval(() => void this.free(), 1000 * freeSeconds).unref();
  }

  stop(): void {
    this.isStopped = true;
    clearTimeout(this.timer);
    clearInterval(this.freeTimer);
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

  private async free(): Promise<void> {
    const { log } = this.platform;
    await freeDeleted(this.platform).catch((err: unknown) => log.warn({ err }, 'space is freed later'));
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
