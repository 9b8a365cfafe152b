/** Which workers there are, what runs on them, and why a job that waits does not run on one. */
import type { DataSource, EntityManager } from 'typeorm';
import { type ErrorCode, errorCodeOf } from '#base/error-codes.js';
import type { UnusableDevice, WorkerTrouble } from '#platform/database/entities/worker.js';
import type { WaitingReason } from '#platform/database/entities/waiting-reason.js';

/** What a job needs of a worker. */
export interface JobNeeds {
  /** `auto`, or the name of a device. */
  readonly device: string;
  /** 0 where that is not known. */
  readonly memoryBytes: number;
}

/** One piece of hardware of a worker, see apps/worker/src/device-slots.ts. */
export interface WorkerSlot {
  /** Names by which jobs ask for it; `auto` among them if it takes jobs that leave the choice to the worker. */
  readonly takes: readonly string[];
  readonly memoryBytes: number;
}

export interface PlacedWorker {
  readonly id: string;
  readonly host: string;
  readonly slots: readonly WorkerSlot[];
  readonly unusable: readonly UnusableDevice[];
  readonly trouble: WorkerTrouble | null;
  /** The jobs that run on it, the oldest first. */
  readonly running: readonly { readonly id: string; readonly project: string; readonly device: string }[];
}

/** A reason without its time. */
export type Reason = Omit<WaitingReason, 'since' | 'code'> & { readonly code: ErrorCode };

/** Three are enough to look at. */
const shownJobs = 3;

export class Placement {
  /** Rows for `of`: the workers that gave a sign of life within `$1` seconds, and what they run. */
  static readonly query = `SELECT worker.id, worker.host, worker.devices, worker.unusable_devices AS unusable, worker.trouble,
      (SELECT coalesce(json_agg(json_build_object('id', job.id, 'project', job.project_id, 'device', attempt.device)
         ORDER BY job.started_at), '[]')
       FROM job JOIN attempt ON attempt.job_id = job.id AND attempt.attempt = job.attempt
       WHERE job.state = 'running' AND job.worker_id = worker.id) AS running
    FROM worker WHERE stopped_at IS NULL AND heartbeat_at > now() - make_interval(secs => $1)
    ORDER BY started_at, id`;

  constructor(readonly workers: readonly PlacedWorker[]) {}

  static of(rows: readonly WorkerRow[]): Placement {
    return new Placement(rows.map(({ devices, ...row }) => ({ ...row, slots: devices.map(slotOf) })));
  }

  /** The workers that gave a sign of life within `lostSeconds`, and what they run. */
  static async read(manager: EntityManager | DataSource, lostSeconds: number): Promise<Placement> {
    return Placement.of(await manager.query<WorkerRow[]>(Placement.query, [lostSeconds]));
  }

  /** Ids of a project's jobs that keep these devices busy, the oldest first; few, to be shown. */
  busyWith(projectId: string, devices: readonly string[]): readonly string[] {
    return this.workers
      .flatMap(({ running }) => running)
      .filter(({ project, device }) => project === projectId && devices.includes(device))
      .slice(0, shownJobs)
      .map(({ id }) => id);
  }

  /** Whether a worker that is alive could run the job, now or when its turn comes. */
  hasPlaceFor(needs: JobNeeds): boolean {
    return this.workers.some(
      ({ trouble, slots }) => trouble === null && slots.some((slot) => suits(slot, needs)),
    );
  }

  /** Why the job does not run; null if a device that it could run on is free. */
  reasonFor(needs: JobNeeds): Reason | null {
    const { device } = needs;
    if (this.workers.length === 0) {
      return { code: 'worker_missing', message: 'no worker is running: start one' };
    }
    const having = this.workers.filter(({ slots }) => slots.some(({ takes }) => takes.includes(device)));
    if (having.length === 0) return this.missing(device);
    const well = having.filter(({ trouble }) => trouble === null);
    const [ill] = having;
    if (well.length === 0) {
      const { code, message } = ill!.trouble!;
      return { code: code as ErrorCode, message: `${message} (worker on ${ill!.host})` };
    }
    const large = well.filter(({ slots }) => slots.some((slot) => suits(slot, needs)));
    if (large.length === 0) return tooLarge(needs, well);
    if (large.some((worker) => freeSlots(worker).some((slot) => suits(slot, needs)))) return null;
    const suitable = large.flatMap(({ slots }) => slots.filter((slot) => suits(slot, needs)));
    const devices = [...new Set(suitable.flatMap(({ takes }) => takes))].filter((name) => name !== 'auto');
    const what = device === 'auto' ? 'every device that it could run on' : `every ${device} device`;
    return { code: 'device_busy', message: `${what} is busy`, devices };
  }

  private missing(device: string): Reason {
    const reasons = this.workers.flatMap(({ host, unusable }) =>
      unusable.filter((one) => one.device === device).map((one) => ({ host, ...one })),
    );
    const names = this.workers.flatMap(({ slots }) => slots.flatMap(({ takes }) => takes));
    const known = [...new Set(names)].filter((name) => name !== 'auto');
    const others = known.length === 0 ? 'none has a device that works' : `they have ${known.join(', ')}`;
    // Software that is missing is mended more easily than hardware.
    const best = reasons.find(({ code }) => code !== 'device_missing') ?? reasons[0];
    const why = best ? ` (${best.host}: ${best.reason})` : '';
    return {
      code: errorCodeOf(best?.code ?? '', 'device_missing'),
      message: `no worker has the device ${device}, ${others}${why}: start a worker that has it, or cancel the job and ask for another device`,
    };
  }
}

export interface WorkerRow extends Omit<PlacedWorker, 'slots'> {
  readonly devices: readonly Record<string, unknown>[];
}

function slotOf({ devices, auto, memory_bytes: memory }: Record<string, unknown>): WorkerSlot {
  const names = Array.isArray(devices) ? devices.map(String) : [];
  return {
    takes: auto === false ? names : ['auto', ...names],
    memoryBytes: typeof memory === 'number' ? memory : 0,
  };
}

function suits({ takes, memoryBytes }: WorkerSlot, needs: JobNeeds): boolean {
  return takes.includes(needs.device) && memoryBytes >= needs.memoryBytes;
}

/** The slots of a worker less one for each job that it runs. */
function freeSlots({ slots, running }: PlacedWorker): readonly WorkerSlot[] {
  const free = [...slots];
  for (const { device } of running) {
    const taken = free.findIndex(({ takes }) => takes.includes(device));
    if (taken >= 0) free.splice(taken, 1);
  }
  return free;
}

function tooLarge({ device, memoryBytes }: JobNeeds, workers: readonly PlacedWorker[]): Reason {
  const largest = workers
    .flatMap(({ host, slots }) =>
      slots.filter(({ takes }) => takes.includes(device)).map((slot) => ({ host, ...slot })),
    )
    .reduce((a, b) => (b.memoryBytes > a.memoryBytes ? b : a));
  const message =
    `the run needs about ${megabytes(memoryBytes)} MB of memory, and the largest worker, on ${largest.host}, ` +
    `has ${megabytes(largest.memoryBytes)} MB: start one on a larger machine, or cancel the job and ask for less`;
  return { code: 'job_too_large', message };
}

const megabytes = (bytes: number) => Math.round(bytes / 1e6).toLocaleString('en');
