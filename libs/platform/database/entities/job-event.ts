import { Column, Entity, PrimaryColumn } from 'typeorm';

/** Something that happened to a job, in order. */
@Entity()
export class JobEvent {
  @PrimaryColumn('text')
  jobId!: string;

  /** 1, 2, 3 ... within the job, without gaps: allotted with the job's row locked. */
  @PrimaryColumn('int')
  seq!: number;

  @Column('text')
  level!: 'info' | 'warn' | 'error';

  /** A stable word, such as `job.queued`, `job.started`, `data.prepared`, `checkpoint.saved`. */
  @Column('text')
  code!: string;

  @Column('text')
  message!: string;

  @Column('jsonb', { nullable: true })
  data!: Record<string, unknown> | null;

  @Column('timestamptz', { default: () => 'now()' })
  createdAt!: Date;
}
