import { Column, Entity, PrimaryColumn } from 'typeorm';

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

  @Column({ type: 'timestamptz', precision: 3, default: () => 'now()' })
  startedAt!: Date;

  @Column({ type: 'timestamptz', precision: 3, default: () => 'now()' })
  heartbeatAt!: Date;

  @Column({ type: 'timestamptz', precision: 3, nullable: true })
  stoppedAt!: Date | null;
}
