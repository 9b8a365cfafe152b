/** How this worker does: what it tells with every sign of life. */
import { LoopDelayMeter } from '#base/loop-delay.js';
import type { WorkerFigures } from '#platform/database/entities/worker.js';
import { childLoopDelays } from '#platform/process-client.js';
import type { DeviceSlots } from './device-slots.js';

export class OwnFigures {
  private readonly meter = new LoopDelayMeter();

  constructor(private readonly slots: Pick<DeviceSlots, 'count' | 'free'>) {}

  /** The delay is that since the last call. */
  read(): WorkerFigures {
    const { user, system } = process.cpuUsage();
    return {
      devices: this.slots.count,
      busy_devices: this.slots.count - this.slots.free.length,
      resident_bytes: process.memoryUsage.rss(),
      cpu_seconds: (user + system) / 1e6,
      event_loop_delay_seconds: this.meter.read().p99,
      process_delays: Object.fromEntries(childLoopDelays),
    };
  }
}
