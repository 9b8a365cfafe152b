import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** An API key; only its digest is kept. */
@Entity()
export class ApiKey {
  /** `key_` and 24 letters or digits; not the secret. */
  @PrimaryColumn('text')
  id!: string;

  @Column('text')
  projectId!: string;

  @Column('text')
  name!: string;

  /** sha256 of the whole secret, hexadecimal. */
  @Index({ unique: true })
  @Column('text')
  digest!: string;

  /** The secret's first characters, for people to tell keys apart. */
  @Column('text')
  prefix!: string;

  @Column('timestamptz', { default: () => 'now()' })
  createdAt!: Date;

  @Column('timestamptz', { nullable: true })
  revokedAt!: Date | null;
}
