import { Check, Column, Entity, PrimaryColumn } from 'typeorm';
import { oneOf } from '#platform/database/entities/one-of.js';

/** `lost`: its worker or trainer died, which is not the job's fault. */
export const attemptEnds = ['succeeded', 'failed', 'cancelled', 'paused', 'handed_over', 'lost'] as const;
export type AttemptEnd = (typeof attemptEnds)[number];

/** One try of a job by one worker. */
@Entity()
@Check(oneOf('end', attemptEnds))
export class Attempt {
  @PrimaryColumn('text')
  jobId!: string;

  @PrimaryColumn('int')
  attempt!: number;

  @Column('text')
  workerId!: string;

  @Column('text')
  device!: string;

  @Column({ type: 'timestamptz', precision: 3, default: () => 'now()' })
  startedAt!: Date;

  @Column({ type: 'timestamptz', precision: 3, nullable: true })
  endedAt!: Date | null;

  @Column('text', { nullable: true })
  end!: AttemptEnd | null;

  @Column('jsonb', { nullable: true })
  error!: { code: string; message: string } | null;
}
