import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import type { ManifestFile } from '#platform/database/entities/checkpoint.js';

/** An adapter in PEFT's files: trained by a job, composed of others, or imported. */
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

  /** The task that composed it. */
  @Column('text', { nullable: true })
  taskId!: string | null;

  /** Digest of the recipe of a composition. */
  @Index()
  @Column('text', { nullable: true })
  recipeId!: string | null;

  /** What a composition was made of, as lowrank_recipe.json says it, and the ids that were asked for. */
  @Column('jsonb', { nullable: true })
  recipe!: Record<string, unknown> | null;

  /** Name of the base model. */
  @Column('text')
  model!: string;

  @Column('text', { nullable: true })
  baseIdentity!: string | null;

  /** adapter_config.json. */
  @Column('jsonb')
  config!: Record<string, unknown>;

  /** Names of the classes of the head that it brings, in the order of its logits; null for one without. */
  @Column('jsonb', { nullable: true })
  classes!: string[] | null;

  /** What was noticed at its import: fields that mean nothing here, layers without factors. */
  @Column('jsonb', { nullable: true })
  notes!: string[] | null;

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
