import { Column, Entity, PrimaryColumn } from 'typeorm';

/** Everything belongs to a project; `default` is the one of a server without keys. */
@Entity()
export class Project {
  /** `proj_` and 24 letters or digits; or `default`. */
  @PrimaryColumn('text')
  id!: string;

  @Column('text')
  name!: string;

  @Column({ type: 'timestamptz', precision: 3, default: () => 'now()' })
  createdAt!: Date;
}
