/** How this worker does: what it tells with every sign of life. */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { WorkerFigures } from '#platform/database/entities/worker.js';
import type { DeviceSlots } from './device-slots.js';

const resolutionMilliseconds = 20;

export class OwnFigures {
  private readonly delay = monitorEventLoopDelay({ resolution: resolutionMilliseconds });

  constructor(private readonly slots: Pick<DeviceSlots, 'count' | 'free'>) {
    this.delay.enable();
  }

  /** The delay is that since the last call. */
  read(): WorkerFigures {
    const { user, system } = process.cpuUsage();
    const delay = Math.max(0, this.delay.percentile(99) / 1e9 - resolutionMilliseconds / 1000);
    this.delay.reset();
    return {
      devices: this.slots.count,
      busy_devices: this.slots.count - this.slots.free.length,
      resident_bytes: process.memoryUsage.rss(),
      cpu_seconds: (user + system) / 1e6,
      event_loop_delay_seconds: Number.isFinite(delay) ? delay : 0,
    };
  }
}
