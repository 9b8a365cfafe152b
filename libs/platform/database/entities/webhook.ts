import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** An address that is told when jobs of a project end. */
@Entity()
@Index(['projectId', 'createdAt', 'id'])
export class Webhook {
  /** `webhook-` and 24 letters or digits. */
  @PrimaryColumn('text')
  id!: string;

  @Column('text')
  projectId!: string;

  @Column('text')
  url!: string;

  /** Types of events, such as `fine_tuning.job.succeeded`. */
  @Column('jsonb')
  events!: string[];

  /** `whsec_` and what signatures are made with: kept, since every delivery is signed. */
  @Column('text')
  secret!: string;

  @Column({ type: 'timestamptz', precision: 3, default: () => 'now()' })
  createdAt!: Date;

  @Column({ type: 'timestamptz', precision: 3, nullable: true })
  deliveredAt!: Date | null;

  /** Why the last delivery failed; null after one that did not. */
  @Column('text', { nullable: true })
  lastError!: string | null;

  /** Gone for everybody; the row stays for as long as a list may go on after it. */
  @Column({ type: 'timestamptz', precision: 3, nullable: true })
  deletedAt!: Date | null;
}
