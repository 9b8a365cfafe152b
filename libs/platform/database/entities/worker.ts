import type { LoopDelay } from '#base/loop-delay.js';
import { Column, Entity, PrimaryColumn } from 'typeorm';

/** A device that a worker looked for and cannot use. */
export interface UnusableDevice {
  readonly device: string;
  /** Such as `device_missing`, `driver_missing` or `dependency_missing`. */
  readonly code: string;
  readonly reason: string;
}

/** Why a worker takes nothing for the time being. */
export interface WorkerTrouble {
  readonly code: string;
  readonly message: string;
}

/** How a worker does, told with its last sign of life. */
export interface WorkerFigures {
  readonly devices: number;
  readonly busy_devices: number;
  readonly resident_bytes: number;
  /** Of the worker itself, without what its trainers compute. */
  readonly cpu_seconds: number;
  /** 99th percentile since the sign of life before. */
  readonly event_loop_delay_seconds: number;
  /** Of its processes, such as `trainer`, as each told last; absent from workers of earlier versions. */
  readonly process_delays?: Readonly<Record<string, LoopDelay>>;
}

/** A worker process and what it can run. */
@Entity()
export class Worker {
  /** `worker-` and 24 letters or digits; new with every start. */
  @PrimaryColumn('text')
  id!: string;

  @Column('text')
  host!: string;

  @Column('int')
  pid!: number;

  @Column('text')
  version!: string;

  /** For each device: name, index, memory, what it runs. */
  @Column('jsonb')
  devices!: Record<string, unknown>[];

  @Column('jsonb', { default: [] })
  unusableDevices!: UnusableDevice[];

  /** Null while it takes what fits it. */
  @Column('jsonb', { nullable: true })
  trouble!: WorkerTrouble | null;

  /** Null before its first sign of life. */
  @Column('jsonb', { nullable: true })
  figures!: WorkerFigures | null;

  @Column({ type: 'timestamptz', precision: 3, default: () => 'now()' })
  startedAt!: Date;

  @Column({ type: 'timestamptz', precision: 3, default: () => 'now()' })
  heartbeatAt!: Date;

  @Column({ type: 'timestamptz', precision: 3, nullable: true })
  stoppedAt!: Date | null;
}
