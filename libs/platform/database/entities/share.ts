import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** A link to one adapter. Whoever has its token may read the adapter's page and files until it ends. */
@Entity()
@Index(['projectId', 'createdAt', 'id'])
export class Share {
  /** `share-` and 24 letters or digits. */
  @PrimaryColumn('text')
  id!: string;

  @Column('text')
  projectId!: string;

  @Index()
  @Column('text')
  adapterId!: string;

  /** SHA-256 of the token, hexadecimal; the token itself is kept nowhere. */
  @Index({ unique: true })
  @Column('text')
  tokenHash!: string;

  @Column({ type: 'timestamptz', precision: 3 })
  expiresAt!: Date;

  /** How often the weights may be fetched; null for any number of times. */
  @Column('int', { nullable: true })
  maxDownloads!: number | null;

  /** How often the weights were fetched. */
  @Column('int', { default: 0 })
  downloads!: number;

  @Column({ type: 'timestamptz', precision: 3, default: () => 'now()' })
  createdAt!: Date;

  @Column({ type: 'timestamptz', precision: 3, nullable: true })
  revokedAt!: Date | null;
}
