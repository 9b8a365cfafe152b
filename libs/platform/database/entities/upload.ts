import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import type { DataForm } from '#data/data-form.js';

/** What an upload may be; one that is pending after its time has expired. */
export const uploadStates = ['pending', 'completed', 'cancelled'] as const;

/** A file that comes in parts. */
@Entity()
@Index(['expiresAt'])
export class Upload {
  /** `upload_` and 24 letters or digits. */
  @PrimaryColumn('text')
  id!: string;

  @Column('text')
  projectId!: string;

  @Column('text')
  filename!: string;

  /** What the whole file is said to have. */
  @Column('bigint', { transformer: { to: (value: number) => value, from: Number } })
  bytes!: number;

  /** What was said of the file beside its bytes. */
  @Column('jsonb', { nullable: true })
  form!: DataForm | null;

  /** Seconds that the file is kept; null for ever. */
  @Column('int', { nullable: true })
  keptSeconds!: number | null;

  @Column('text', { default: 'pending' })
  state!: (typeof uploadStates)[number];

  /** The parts that became the file, in order. */
  @Column('jsonb', { nullable: true })
  partIds!: string[] | null;

  @Column('text', { nullable: true })
  fileId!: string | null;

  @Column({ type: 'timestamptz', precision: 3, default: () => 'now()' })
  createdAt!: Date;

  @Column({ type: 'timestamptz', precision: 3 })
  expiresAt!: Date;
}
