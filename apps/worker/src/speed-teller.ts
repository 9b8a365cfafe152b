/** Tells the service how fast this machine trains, so that plans know how long a first job takes. */
import { keptSpeed, measureSpeed } from '#jobs/machine-speed.js';
import type { Log } from '#jobs/parts.js';
import type { Workers } from '#jobs/workers.js';
import { processMain } from '#platform/program.js';

export class SpeedTeller {
  private readonly stopping = new AbortController();
  private telling: Promise<void> | undefined;

  constructor(
    private readonly workers: Workers,
    private readonly worker: { readonly id: string; readonly home: string },
    private readonly log: Log,
  ) {}

  /** Measures first, unless that was done before; never fails. */
  start(): void {
    this.telling ??= this.tell().catch((err: unknown) => {
      if (!this.stopping.signal.aborted) this.log.warn({ err }, 'the speed of this machine was not measured');
    });
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.telling;
  }

  private async tell(): Promise<void> {
    const { id, home } = this.worker;
    const { signal } = this.stopping;
    const speed =
      (await keptSpeed(home)) ?? (await measureSpeed(home, { main: processMain('speed'), signal }));
    if (!signal.aborted) await this.workers.tellSpeed(id, speed);
  }
}
