import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** An uploaded file; its bytes lie in the object store. */
@Entity()
@Index(['projectId', 'createdAt', 'id'])
export class StoredFile {
  /** `file-` and 24 letters or digits. */
  @PrimaryColumn('text')
  id!: string;

  @Column('text')
  projectId!: string;

  @Column('text')
  filename!: string;

  /** `fine-tune`, or `fine-tune-results` for what a job left. */
  @Column('text')
  purpose!: string;

  @Column('bigint', { transformer: { to: (value: number) => value, from: Number } })
  bytes!: number;

  @Column('text')
  sha256!: string;

  /** Null for a file whose bytes are its `content`. */
  @Column('text', { nullable: true })
  objectKey!: string | null;

  /** The bytes of a small file that the program wrote itself; read only where they are asked for. */
  @Column('bytea', { nullable: true, select: false })
  content!: Buffer | null;

  /** What the validation of the upload found: rows, kinds, warnings; `error` files are not kept. */
  @Column('jsonb', { nullable: true })
  report!: Record<string, unknown> | null;

  @Column({ type: 'timestamptz', precision: 3, default: () => 'now()' })
  createdAt!: Date;

  /** From then on it is as good as deleted. */
  @Column({ type: 'timestamptz', precision: 3, nullable: true })
  expiresAt!: Date | null;

  /** Deleted for its owner; the object goes when no job needs it. */
  @Column({ type: 'timestamptz', precision: 3, nullable: true })
  deletedAt!: Date | null;

  /** When the object went; the row stays a while, so that whoever pages through the files can go on after it. */
  @Column({ type: 'timestamptz', precision: 3, nullable: true })
  contentDeletedAt!: Date | null;
}
