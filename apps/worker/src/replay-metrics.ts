/** Makes sure that everything measured up to a checkpoint is in the database, whoever was killed before it was sent. */
import { join } from 'node:path';
import type { DataSource } from 'typeorm';
import type { NewMetric } from '#jobs/progress.js';
import { Metric } from '#platform/database/entities/metric.js';
import { type LogRecord, readMetrics } from '#training/metrics-log.js';
import { metricOf } from './run-records.js';

/** What the logs of an output folder hold up to a step and the database lacks. */
export async function missingMetrics(
  database: DataSource,
  jobId: string,
  outputFolder: string,
  upTo: number,
): Promise<NewMetric[]> {
  const steps = await database.manager
    .createQueryBuilder(Metric, 'metric')
    .where("metric.jobId = :jobId AND metric.kind = 'step' AND metric.step <= :upTo", { jobId, upTo })
    .getCount();
  const isWanted = ({ type, step }: LogRecord) =>
    typeof step === 'number' && step <= upTo && !(type === 'step' && steps === upTo);
  const logs = [
    await readMetrics(join(outputFolder, 'metrics.jsonl')),
    await readMetrics(join(outputFolder, 'samples.jsonl')),
  ];
  return logs.flat().filter(isWanted).map(metricOf);
}
