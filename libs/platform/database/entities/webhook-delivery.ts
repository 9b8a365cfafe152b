import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** An event still to be told: written in the transaction that ends the job, removed once its webhook has it. */
@Entity()
@Index(['nextAt'])
export class WebhookDelivery {
  /** `evt_` and 24 letters or digits; the same however often it is sent. */
  @PrimaryColumn('text')
  id!: string;

  @Index()
  @Column('text')
  webhookId!: string;

  @Column('text')
  type!: string;

  /** What the event is about, as it is sent. */
  @Column('jsonb')
  data!: Record<string, unknown>;

  @Column({ type: 'timestamptz', precision: 3, default: () => 'now()' })
  createdAt!: Date;

  @Column('int', { default: 0 })
  tries!: number;

  /** When it is tried next. */
  @Column({ type: 'timestamptz', precision: 3, default: () => 'now()' })
  nextAt!: Date;
}
