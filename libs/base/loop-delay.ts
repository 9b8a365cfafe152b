/** How long this process keeps what it has to do waiting: the delay of its event loop. */
import { monitorEventLoopDelay } from 'node:perf_hooks';

/** In seconds, over the time since it was read before. */
export interface LoopDelay {
  readonly mean: number;
  readonly p99: number;
  readonly max: number;
}

const resolutionMilliseconds = 10;
const nanoseconds = 1e9;

export class LoopDelayMeter {
  private readonly histogram = monitorEventLoopDelay({ resolution: resolutionMilliseconds });

  constructor() {
    this.histogram.enable();
  }

  /** The delay since the last call, and begins anew. */
  read(): LoopDelay {
    const { mean, max } = this.histogram;
    const p99 = this.histogram.percentile(99);
    this.histogram.reset();
    return { mean: beyondTimer(mean), p99: beyondTimer(p99), max: beyondTimer(max) };
  }
}

/** Node measures from one tick of its timer to the next; without a tick there is no mean. */
function beyondTimer(interval: number): number {
  return Number.isFinite(interval) ? Math.max(0, interval / nanoseconds - resolutionMilliseconds / 1000) : 0;
}
