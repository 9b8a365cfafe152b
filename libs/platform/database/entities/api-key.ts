import { Check, Column, Entity, Index, PrimaryColumn } from 'typeorm';
import { type KeyRole, keyRoles } from '#contracts/http/keys.js';
import { oneOf } from '#platform/database/entities/one-of.js';

/** An API key; only its digest is kept. */
@Entity()
@Check(oneOf('role', keyRoles))
export class ApiKey {
  /** `key_` and 24 letters or digits; not the secret. */
  @PrimaryColumn('text')
  id!: string;

  @Column('text')
  projectId!: string;

  @Column('text', { default: 'project' })
  role!: KeyRole;

  @Column('text')
  name!: string;

  /** sha256 of the whole secret, hexadecimal. */
  @Index({ unique: true })
  @Column('text')
  digest!: string;

  /** The secret's first characters, for people to tell keys apart. */
  @Column('text')
  prefix!: string;

  @Column({ type: 'timestamptz', precision: 3, default: () => 'now()' })
  createdAt!: Date;

  @Column({ type: 'timestamptz', precision: 3, nullable: true })
  revokedAt!: Date | null;
}
