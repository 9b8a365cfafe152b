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

  @Column('timestamptz', { default: () => 'now()' })
  startedAt!: Date;

  @Column('timestamptz', { default: () => 'now()' })
  heartbeatAt!: Date;

  @Column('timestamptz', { nullable: true })
  stoppedAt!: Date | null;
}
