import { Check, Column, Entity, Index, PrimaryColumn } from 'typeorm';
import { oneOf } from '#platform/database/entities/one-of.js';
import type { ManifestFile } from '#platform/database/entities/checkpoint.js';
import type { WaitingReason } from '#platform/database/entities/waiting-reason.js';

export const taskStates = ['queued', 'running', 'succeeded', 'failed', 'cancelled'] as const;
export type TaskState = (typeof taskStates)[number];

/** How far the work has come, in the units of its kind: layers, bytes. */
export interface TaskProgress {
  readonly stage: string;
  readonly done: number;
  readonly total: number;
}

/** Work on adapters that takes no training: composing adapters, exporting a merged model. Any worker does it. */
@Entity()
@Index(['projectId', 'createdAt', 'id'])
@Index(['state', 'createdAt'])
@Check(oneOf('state', taskStates))
export class Task {
  /** The kind, `-` and 24 letters or digits. */
  @PrimaryColumn('text')
  id!: string;

  @Column('text')
  projectId!: string;

  /** Name of an entry of libs/jobs/task-kinds/registry.ts. */
  @Column('text')
  kind!: string;

  @Column('text')
  state!: TaskState;

  /** What is to be done, by the schema of the kind. */
  @Column('jsonb')
  input!: Record<string, unknown>;

  /** Ids of the adapters and checkpoints whose bytes are needed until the work is over. */
  @Column('jsonb')
  inputIds!: string[];

  @Column('jsonb', { nullable: true })
  progress!: TaskProgress | null;

  /** What the kind reports; of a composition what it keeps of the exact sum. */
  @Column('jsonb', { nullable: true })
  report!: Record<string, unknown> | null;

  /** The adapter that it made. */
  @Column('text', { nullable: true })
  adapterId!: string | null;

  /** Files that it made for download. */
  @Column('jsonb', { nullable: true })
  files!: ManifestFile[] | null;

  @Column('jsonb', { nullable: true })
  error!: { code: string; message: string } | null;

  /** Fencing token: goes up with every claim; a write with another number changes nothing. */
  @Column('int', { default: 0 })
  attempt!: number;

  /** Attempts that count against it, see libs/jobs/failure-policy.ts. */
  @Column('int', { default: 0 })
  failures!: number;

  /** Attempts in a row that ended for want of something that somebody must mend. */
  @Column('int', { default: 0 })
  waits!: number;

  /** Why a queued task does not run; null while nothing is known against it. */
  @Column('jsonb', { nullable: true })
  waiting!: WaitingReason | null;

  /** No worker takes it before. */
  @Column({ type: 'timestamptz', precision: 3, nullable: true })
  tryAfter!: Date | null;

  @Column('text', { nullable: true })
  workerId!: string | null;

  @Column({ type: 'timestamptz', precision: 3, nullable: true })
  heartbeatAt!: Date | null;

  @Column({ type: 'timestamptz', precision: 3, default: () => 'now()' })
  createdAt!: Date;

  @Column({ type: 'timestamptz', precision: 3, nullable: true })
  startedAt!: Date | null;

  @Column({ type: 'timestamptz', precision: 3, nullable: true })
  finishedAt!: Date | null;

  @Column({ type: 'timestamptz', precision: 3, nullable: true })
  deletedAt!: Date | null;
}
