import { Check, Column, DeleteDateColumn, Entity, Index, PrimaryColumn } from 'typeorm';
import type { DataForm } from '#data/data-form.js';
import type { Integration } from '#trackers/declared/registry.js';
import type { RequestedOptions, ResolvedOptions } from '#training/resolved-options.js';
import { oneOf } from '#platform/database/entities/one-of.js';
import type { WaitingReason } from '#platform/database/entities/waiting-reason.js';

export const jobStates = [
  'validating_files',
  'queued',
  'running',
  'paused',
  'succeeded',
  'failed',
  'cancelled',
] as const;
export type JobState = (typeof jobStates)[number];
export const terminalStates = ['succeeded', 'failed', 'cancelled'] as const satisfies readonly JobState[];

export interface JobError {
  readonly code: string;
  readonly message: string;
  readonly param: string | null;
}

/** What a job says of its files. */
export interface JobData {
  readonly trainingForm: DataForm | null;
  readonly validationForm: DataForm | null;
  readonly validationSplit: number | null;
}

/** A fine-tuning job: what was asked for, and where it stands. */
@Entity()
@Index(['projectId', 'createdAt', 'id'])
@Index(['state', 'heartbeatAt'])
@Index(['queuedAt', 'id'], { where: "state = 'queued'" })
@Check(oneOf('state', jobStates))
export class Job {
  /** `ftjob-` and 24 letters or digits. */
  @PrimaryColumn('text')
  id!: string;

  @Column('text')
  projectId!: string;

  @Column('text')
  state!: JobState;

  /** Name of the base model. */
  @Column('text')
  model!: string;

  /** The base's digest when the job was made. */
  @Column('text')
  baseIdentity!: string;

  @Column('text')
  trainingFileId!: string;

  @Column('text', { nullable: true })
  validationFileId!: string | null;

  /** What was said of the files beside their bytes; null for nothing. */
  @Column('jsonb', { nullable: true })
  data!: JobData | null;

  /** Id of an adapter to go on training. */
  @Column('text', { nullable: true })
  initAdapterId!: string | null;

  /** PEFT's LoraConfig as it was asked for (libs/lora/config.ts); null for the defaults. */
  @Column('jsonb', { nullable: true })
  lora!: Record<string, unknown> | null;

  /** Training options as they were asked for (libs/training/options.ts). */
  @Column('jsonb')
  training!: Record<string, unknown>;

  /** All that was asked for about training; null for jobs of older versions. */
  @Column('jsonb', { nullable: true })
  requested!: RequestedOptions | null;

  /** What that means; null for jobs of older versions, see libs/jobs/job-options.ts. */
  @Column('jsonb', { nullable: true })
  resolved!: ResolvedOptions | null;

  /** `auto`, or a device that the job wants: cpu, webgpu, cuda, eager, tfjs-node, tfjs-node-gpu. */
  @Column('text', { default: 'auto' })
  device!: string;

  @Column('text', { nullable: true })
  suffix!: string | null;

  @Column('jsonb', { nullable: true })
  metadata!: Record<string, string> | null;

  /** Experiment trackers that the job names; null for none. */
  @Column('jsonb', { nullable: true })
  integrations!: Integration[] | null;

  @Column('bigint', { transformer: { to: (value: number) => value, from: Number } })
  seed!: number;

  /** Hyperparameters as they were chosen for `auto`, once known. */
  @Column('jsonb', { nullable: true })
  choices!: Record<string, unknown>[] | null;

  /** The trainer's plan: modules, parameters, adapter bytes, memory. */
  @Column('jsonb', { nullable: true })
  plan!: Record<string, unknown> | null;

  /** The newest step that is in the metrics. */
  @Column('int', { default: 0 })
  step!: number;

  @Column('int', { nullable: true })
  totalSteps!: number | null;

  @Column('double precision', { nullable: true })
  tokensPerSecond!: number | null;

  /** Fencing token: goes up with every claim; a write with another number changes nothing. */
  @Column('int', { default: 0 })
  attempt!: number;

  /** Attempts that ended by a fault of this program's; see libs/jobs/failure-policy.ts. */
  @Column('int', { default: 0 })
  ownFailures!: number;

  /** Worker that runs the current attempt. */
  @Column('text', { nullable: true })
  workerId!: string | null;

  @Column({ type: 'timestamptz', precision: 3, nullable: true })
  heartbeatAt!: Date | null;

  @Column({ type: 'timestamptz', precision: 3, nullable: true })
  cancelRequestedAt!: Date | null;

  @Column({ type: 'timestamptz', precision: 3, nullable: true })
  pauseRequestedAt!: Date | null;

  /** Goes up with every event; the next event's number. */
  @Column('int', { default: 0 })
  eventCount!: number;

  @Column('bigint', {
    nullable: true,
    transformer: {
      to: (value: number | null) => value,
      from: (text: string | null) => (text === null ? null : Number(text)),
    },
  })
  trainedTokens!: number | null;

  @Column('text', { nullable: true })
  adapterId!: string | null;

  /** The file with the metrics of its steps, once it has ended. */
  @Column('text', { nullable: true })
  resultFileId!: string | null;

  @Column('jsonb', { nullable: true })
  error!: JobError | null;

  @Column({ type: 'timestamptz', precision: 3, default: () => 'now()' })
  createdAt!: Date;

  @Column({ type: 'timestamptz', precision: 3, nullable: true })
  queuedAt!: Date | null;

  /** Why a queued job does not run; null while nothing is known against it. */
  @Column('jsonb', { nullable: true })
  waiting!: WaitingReason | null;

  /** No worker takes it before. */
  @Column({ type: 'timestamptz', precision: 3, nullable: true })
  tryAfter!: Date | null;

  @Column({ type: 'timestamptz', precision: 3, nullable: true })
  startedAt!: Date | null;

  @Column({ type: 'timestamptz', precision: 3, nullable: true })
  finishedAt!: Date | null;

  /** When it was deleted: reads leave such rows out unless they ask for them. */
  @DeleteDateColumn({ type: 'timestamptz', precision: 3 })
  deletedAt!: Date | null;
}
