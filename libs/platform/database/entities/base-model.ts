import { Column, Entity, PrimaryColumn } from 'typeorm';

/** A base model that jobs may name: a folder that every worker reaches under the same path. */
@Entity()
export class BaseModel {
  /** What jobs call it, such as `prose-4m`. */
  @PrimaryColumn('text')
  name!: string;

  @Column('text')
  folder!: string;

  /** `sha256:` and 64 hexadecimal digits over its files (libs/hub/model-identity.ts). */
  @Column('text')
  identity!: string;

  @Column('text')
  architecture!: string;

  @Column('bigint', { transformer: { to: (value: number) => value, from: Number } })
  parameters!: number;

  /** Whether it came with the program. */
  @Column('boolean', { default: false })
  bundled!: boolean;

  @Column({ type: 'timestamptz', precision: 3, default: () => 'now()' })
  createdAt!: Date;
}
