import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import type { ManifestFile } from '#platform/database/entities/checkpoint.js';

/** An adapter in PEFT's files: trained by a job, or imported. */
@Entity()
@Index(['projectId', 'createdAt', 'id'])
export class Adapter {
  /** `adapter-` and 24 letters or digits. */
  @PrimaryColumn('text')
  id!: string;

  @Column('text')
  projectId!: string;

  /** The model name that clients see: `ft:BASE:PROJECT:SUFFIX:ID`. */
  @Index({ unique: true })
  @Column('text')
  name!: string;

  @Column('text', { nullable: true })
  jobId!: string | null;

  /** Name of the base model. */
  @Column('text')
  model!: string;

  @Column('text', { nullable: true })
  baseIdentity!: string | null;

  /** adapter_config.json. */
  @Column('jsonb')
  config!: Record<string, unknown>;

  @Column('jsonb')
  files!: ManifestFile[];

  /** Of all files. */
  @Column('bigint', { transformer: { to: (value: number) => value, from: Number } })
  bytes!: number;

  /** Of adapter_model.safetensors. */
  @Column('text')
  sha256!: string;

  @Column({ type: 'timestamptz', precision: 3, default: () => 'now()' })
  createdAt!: Date;

  @Column({ type: 'timestamptz', precision: 3, nullable: true })
  deletedAt!: Date | null;
}
