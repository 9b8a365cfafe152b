import { Check, Column, Entity, PrimaryColumn } from 'typeorm';
import { oneOf } from '#platform/database/entities/one-of.js';

export const eventLevels = ['info', 'warn', 'error'] as const;
export type EventLevel = (typeof eventLevels)[number];

/** Something that happened to a job, in order. */
@Entity()
@Check(oneOf('level', eventLevels))
export class JobEvent {
  @PrimaryColumn('text')
  jobId!: string;

  /** 1, 2, 3 ... within the job, without gaps: allotted with the job's row locked. */
  @PrimaryColumn('int')
  seq!: number;

  @Column('text')
  level!: EventLevel;

  /** A stable word, such as `job.queued`, `job.started`, `data.prepared`, `checkpoint.saved`. */
  @Column('text')
  code!: string;

  @Column('text')
  message!: string;

  @Column('jsonb', { nullable: true })
  data!: Record<string, unknown> | null;

  @Column({ type: 'timestamptz', precision: 3, default: () => 'now()' })
  createdAt!: Date;
}
