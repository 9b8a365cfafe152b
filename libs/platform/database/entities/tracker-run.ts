import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** A job's run in the server of an experiment tracker, until all is told: its metrics stand in the database anyway. */
@Entity()
@Index(['nextAt'])
export class TrackerRun {
  @PrimaryColumn('text')
  jobId!: string;

  /** Type of an entry of libs/trackers/registry.ts. */
  @PrimaryColumn('text')
  tracker!: string;

  /** What the tracker calls the run; null until it has it. */
  @Column('text', { nullable: true })
  remoteId!: string | null;

  /** `seq` of the last metric that it has. */
  @Column('int', { default: 0 })
  position!: number;

  /** Tries since the last one that went well. */
  @Column('int', { default: 0 })
  tries!: number;

  /** What went wrong last, which the job's events tell the first time; null if nothing ever did. */
  @Column('text', { nullable: true })
  problem!: string | null;

  /** When it is told next; null while there is nothing to tell. */
  @Column({ type: 'timestamptz', precision: 3, nullable: true })
  nextAt!: Date | null;

  /** Until then one process tells it; null for none. */
  @Column({ type: 'timestamptz', precision: 3, nullable: true })
  leasedUntil!: Date | null;
}
