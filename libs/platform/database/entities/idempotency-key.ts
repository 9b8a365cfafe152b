import { Column, Entity, PrimaryColumn } from 'typeorm';

/** The answer to a POST that carried an Idempotency-Key; kept 24 hours. */
@Entity()
export class IdempotencyKey {
  @PrimaryColumn('text')
  projectId!: string;

  @PrimaryColumn('text')
  key!: string;

  /** sha256 of method, path and body: the same key with another request is an error. */
  @Column('text')
  requestDigest!: string;

  @Column('int')
  status!: number;

  @Column('jsonb')
  body!: Record<string, unknown>;

  @Column({ type: 'timestamptz', precision: 3, default: () => 'now()' })
  createdAt!: Date;
}
