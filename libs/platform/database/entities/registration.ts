import type { BasePrecision } from '#training/base-precision/declared.js';
import { Check, Column, Entity, Index, PrimaryColumn } from 'typeorm';
import { oneOf } from '#platform/database/entities/one-of.js';

export const registrationStates = ['running', 'done', 'failed'] as const;

/** Where in a hub a base model comes from. */
export interface HubOrigin {
  /** `OWNER/NAME`. */
  readonly repository: string;
  /** The branch, tag or commit that was asked for. */
  readonly revision: string;
  readonly commit: string;
  /** Whether it may be asked for with the server's token. */
  readonly useToken: boolean;
  /** Whether jobs asked for it: then it does not take the name from another version. */
  readonly isForJobs?: boolean;
}

/** A base model that is read, or was; goes on in another process if the one that reads it ends. */
@Entity()
@Index(['touchedAt'], { where: "status = 'running'" })
@Check(oneOf('status', registrationStates))
export class Registration {
  /** `registration-` and 24 letters or digits. */
  @PrimaryColumn('text')
  id!: string;

  @Column('text')
  folder!: string;

  /** Null for a folder that was here. */
  @Column('jsonb', { nullable: true })
  hub!: HubOrigin | null;

  /** As it was asked for; null for the folder's own. */
  @Column('text', { nullable: true })
  name!: string | null;

  @Column('boolean')
  replace!: boolean;

  /** In what numbers it answers; see `base_precision` of a job. */
  @Column('text', { default: 'as-stored' })
  precision!: BasePrecision;

  @Column('text', { default: 'running' })
  status!: (typeof registrationStates)[number];

  /** The process that reads it. */
  @Column('text')
  runner!: string;

  /** When that process last said so. */
  @Column({ type: 'timestamptz', precision: 3, default: () => 'now()' })
  touchedAt!: Date;

  @Column('bigint', { default: 0, transformer: { to: (value: number) => value, from: Number } })
  doneBytes!: number;

  /** 0 until it is known. */
  @Column('bigint', { default: 0, transformer: { to: (value: number) => value, from: Number } })
  totalBytes!: number;

  /** The model object that it became, as it was answered then. */
  @Column('jsonb', { nullable: true })
  model!: object | null;

  @Column('jsonb', { nullable: true })
  error!: { readonly code: string; readonly message: string } | null;

  @Column({ type: 'timestamptz', precision: 3, default: () => 'now()' })
  createdAt!: Date;
}
