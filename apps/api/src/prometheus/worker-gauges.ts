/** Numbers of the workers that live, as each told them with its last sign of life. */
import { Gauge, type Registry } from 'prom-client';
import type { Worker } from '#platform/database/entities/worker.js';

const labelNames = ['worker', 'host'] as const;

const meanings: Readonly<Record<string, { help: string; of: (worker: Worker) => number | undefined }>> = {
  lowrank_worker_heartbeat_age_seconds: {
    help: 'Time since the last sign of life of a worker.',
    of: ({ heartbeatAt }) => Math.max(0, (Date.now() - heartbeatAt.getTime()) / 1000),
  },
  lowrank_worker_devices: { help: 'Devices of a worker.', of: ({ figures }) => figures?.devices },
  lowrank_worker_busy_devices: {
    help: 'Devices of a worker that train.',
    of: ({ figures }) => figures?.busy_devices,
  },
  lowrank_worker_resident_memory_bytes: {
    help: 'Memory of a worker, without its trainers.',
    of: ({ figures }) => figures?.resident_bytes,
  },
  lowrank_worker_cpu_seconds: {
    help: 'Processor time of a worker since its start, without its trainers.',
    of: ({ figures }) => figures?.cpu_seconds,
  },
  lowrank_worker_event_loop_delay_seconds: {
    help: 'Delay of the event loop of a worker, 99th percentile between two signs of life.',
    of: ({ figures }) => figures?.event_loop_delay_seconds,
  },
};

export class WorkerGauges {
  private readonly gauges: ReadonlyMap<string, Gauge<(typeof labelNames)[number]>>;

  private readonly ofProcesses: Gauge;

  constructor(registry: Registry) {
    this.ofProcesses = new Gauge({
      name: 'lowrank_worker_process_event_loop_delay_seconds',
      help: 'Delay of the event loop of the processes of a worker, in their last 5 seconds.',
      labelNames: [...labelNames, 'process', 'figure'],
      registers: [registry],
    });
    this.gauges = new Map(
      Object.entries(meanings).map(([name, { help }]) => [
        name,
        new Gauge({ name, help, labelNames, registers: [registry] }),
      ]),
    );
  }

  /** Workers that have gone leave no numbers. */
  set(workers: readonly Worker[]): void {
    for (const [name, gauge] of this.gauges) {
      gauge.reset();
      for (const worker of workers) {
        const value = meanings[name]!.of(worker);
        if (value !== undefined) gauge.set({ worker: worker.id, host: worker.host }, value);
      }
    }
    this.ofProcesses.reset();
    for (const { id: worker, host, figures } of workers) {
      for (const [process, delay] of Object.entries(figures?.process_delays ?? {})) {
        for (const figure of ['mean', 'p99', 'max'] as const) {
          this.ofProcesses.set({ worker, host, process, figure }, delay[figure]);
        }
      }
    }
  }
}
