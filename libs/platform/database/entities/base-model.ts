import type { BasePrecision } from '#training/base-precision/declared.js';
import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/**
 * A version of a base model that jobs may name: a folder that every worker reaches under the same path. One version of a
 * name is current; jobs and adapters keep the one that they began with.
 */
@Entity()
@Index(['name'], { unique: true, where: 'replaced_at IS NULL' })
export class BaseModel {
  /** What jobs call it, such as `prose-4m`. */
  @PrimaryColumn('text')
  name!: string;

  /** `sha256:` and 64 hexadecimal digits over its files (libs/hub/model-identity.ts). */
  @PrimaryColumn('text')
  identity!: string;

  @Column('text')
  folder!: string;

  @Column('text')
  architecture!: string;

  @Column('bigint', { transformer: { to: (value: number) => value, from: Number } })
  parameters!: number;

  /** In what numbers it answers; see `base_precision` of a job. */
  @Column('text', { default: 'as-stored' })
  precision!: BasePrecision;

  /** Whether it came with the program. */
  @Column('boolean', { default: false })
  bundled!: boolean;

  @Column({ type: 'timestamptz', precision: 3, default: () => 'now()' })
  createdAt!: Date;

  /** When another version took the name, or the model was removed; null for the current version. */
  @Column({ type: 'timestamptz', precision: 3, nullable: true })
  replacedAt!: Date | null;
}
