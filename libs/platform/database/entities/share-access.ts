import { Check, Column, Entity, Index, PrimaryGeneratedColumn } from 'typeorm';
import { oneOf } from '#platform/database/entities/one-of.js';

export const shareOutcomes = ['page', 'file', 'missing', 'expired', 'revoked', 'used_up', 'deleted'] as const;
/** What somebody with the link got: the page, a file, or a 404 and why. */
export type ShareOutcome = (typeof shareOutcomes)[number];

/** One use of a link. */
@Entity()
@Index(['shareId', 'id'])
@Check(oneOf('outcome', shareOutcomes))
export class ShareAccess {
  @PrimaryGeneratedColumn('identity', { type: 'bigint' })
  id!: string;

  @Column('text')
  shareId!: string;

  @Column('text')
  outcome!: ShareOutcome;

  /** The file that was asked for; null for the page. */
  @Column('text', { nullable: true })
  file!: string | null;

  @Column('text', { nullable: true })
  address!: string | null;

  @Column('text', { nullable: true })
  userAgent!: string | null;

  @Column({ type: 'timestamptz', precision: 3, default: () => 'now()' })
  createdAt!: Date;
}
