import { Check, Column, Entity, Index, PrimaryColumn } from 'typeorm';
import { oneOf } from '#platform/database/entities/one-of.js';

export const registrationStates = ['running', 'done', 'failed'] as const;

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

  /** As it was asked for; null for the folder's own. */
  @Column('text', { nullable: true })
  name!: string | null;

  @Column('boolean')
  replace!: boolean;

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
