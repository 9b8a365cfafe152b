import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** A part of a file that comes in parts; its bytes are an object of their own until the file is whole. */
@Entity()
export class UploadPart {
  /** `part_` and 24 letters or digits. */
  @PrimaryColumn('text')
  id!: string;

  @Index()
  @Column('text')
  uploadId!: string;

  @Column('bigint', { transformer: { to: (value: number) => value, from: Number } })
  bytes!: number;

  @Column('text')
  sha256!: string;

  @Column('text')
  objectKey!: string;

  @Column({ type: 'timestamptz', precision: 3, default: () => 'now()' })
  createdAt!: Date;
}
