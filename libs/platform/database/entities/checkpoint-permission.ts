import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** Leave for a project to use a fine-tuned model or checkpoint of another one. */
@Entity()
@Index(['modelId', 'projectId'], { unique: true, where: 'deleted_at IS NULL' })
export class CheckpointPermission {
  /** `cp_` and 24 letters or digits. */
  @PrimaryColumn('text')
  id!: string;

  /** Id of the adapter or checkpoint. */
  @Column('text')
  modelId!: string;

  /** The project that may use it. */
  @Index()
  @Column('text')
  projectId!: string;

  @Column({ type: 'timestamptz', precision: 3, default: () => 'now()' })
  createdAt!: Date;

  /** Gone for everybody; the row stays for as long as a list may go on after it. */
  @Column({ type: 'timestamptz', precision: 3, nullable: true })
  deletedAt!: Date | null;
}
