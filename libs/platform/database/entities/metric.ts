import { Check, Column, Entity, Index, PrimaryColumn } from 'typeorm';
import { oneOf } from '#platform/database/entities/one-of.js';

export const metricKinds = ['step', 'evaluation', 'samples'] as const;
export type MetricKind = (typeof metricKinds)[number];

/** What was measured at one step: written once, whichever attempt got there first. */
@Entity()
@Index(['jobId', 'seq'], { unique: true })
@Check(oneOf('kind', metricKinds))
export class Metric {
  @PrimaryColumn('text')
  jobId!: string;

  @PrimaryColumn('int')
  step!: number;

  @PrimaryColumn('text')
  kind!: MetricKind;

  /** 1, 2, 3 ... within the job, in the order of writing: the id of stream events. */
  @Column('int')
  seq!: number;

  /** The fields of libs/training/metrics.ts without `type` and `step`. */
  @Column('jsonb')
  values!: Record<string, unknown>;

  @Column('int')
  attempt!: number;

  @Column({ type: 'timestamptz', precision: 3, default: () => 'now()' })
  createdAt!: Date;
}
