import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** One object of a checkpoint or adapter. */
export interface ManifestFile {
  /** Path within the folder, with forward slashes. */
  readonly path: string;
  readonly key: string;
  readonly bytes: number;
  readonly sha256: string;
}

/** A checkpoint in the object store: everything a run needs to go on. The row is written after its objects. */
@Entity()
@Index(['jobId', 'step'])
export class Checkpoint {
  /** `ftckpt_` and 24 letters or digits. */
  @PrimaryColumn('text')
  id!: string;

  @Column('text')
  jobId!: string;

  @Column('int')
  step!: number;

  @Column('int')
  attempt!: number;

  @Column('boolean', { default: false })
  best!: boolean;

  @Column('jsonb')
  files!: ManifestFile[];

  /** Metrics as OpenAI names them: step, train_loss, train_mean_token_accuracy, full_valid_loss ... */
  @Column('jsonb')
  metrics!: Record<string, number>;

  @Column({ type: 'timestamptz', precision: 3, default: () => 'now()' })
  createdAt!: Date;
}
