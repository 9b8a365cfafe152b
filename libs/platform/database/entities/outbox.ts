import { Column, Entity, PrimaryGeneratedColumn } from 'typeorm';

/** A queue entry still to be made; written in the transaction that changes the job, removed once the queue has it. */
@Entity()
export class Outbox {
  @PrimaryGeneratedColumn('identity', { type: 'bigint' })
  id!: string;

  @Column('text')
  jobId!: string;

  @Column({ type: 'timestamptz', precision: 3, default: () => 'now()' })
  createdAt!: Date;
}
