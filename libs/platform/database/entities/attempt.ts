import { Column, Entity, PrimaryColumn } from 'typeorm';

export type AttemptEnd =
  | 'succeeded'
  | 'failed'
  | 'cancelled'
  | 'paused'
  | 'handed_over'
  /** Its worker or trainer died; not the job's fault. */
  | 'lost';

/** One try of a job by one worker. */
@Entity()
export class Attempt {
  @PrimaryColumn('text')
  jobId!: string;

  @PrimaryColumn('int')
  attempt!: number;

  @Column('text')
  workerId!: string;

  @Column('text')
  device!: string;

  @Column('timestamptz', { default: () => 'now()' })
  startedAt!: Date;

  @Column('timestamptz', { nullable: true })
  endedAt!: Date | null;

  @Column('text', { nullable: true })
  end!: AttemptEnd | null;

  @Column('jsonb', { nullable: true })
  error!: { code: string; message: string } | null;
}
