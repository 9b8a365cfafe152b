/** What a job measured, read page by page. */
import type { JobHistory } from '#jobs/job-history.js';
import type { Metric } from '#platform/database/entities/metric.js';
import type { Measured } from '#trackers/tracked-run.js';

/** Rows read at once. */
const pageRows = 500;

const measuredOf = ({ seq, step, kind, createdAt, values }: Metric): Measured => {
  return { seq, step, kind, at: createdAt, values };
};

/** Everything up to a number, first to last: the same whenever it is read, whatever comes meanwhile. */
export async function* measuredUntil(
  history: JobHistory,
  jobId: string,
  last: number,
): AsyncGenerator<Measured> {
  let after: number | undefined;
  for (;;) {
    const { rows, hasMore } = await history.metrics(jobId, { limit: pageRows, after });
    for (const row of rows) {
      if (row.seq > last) return;
      yield measuredOf(row);
    }
    if (!hasMore) return;
    after = rows.at(-1)!.seq;
  }
}

/** Number of the newest; 0 for none. */
export async function newestOf(history: JobHistory, jobId: string): Promise<number> {
  const { rows } = await history.metrics(jobId, { limit: 1, order: 'descending' });
  return rows[0]?.seq ?? 0;
}

/** Some of those after a number. */
export async function measuredAfter(
  history: JobHistory,
  jobId: string,
  after: number,
  limit: number,
): Promise<readonly Measured[]> {
  const { rows } = await history.metrics(jobId, { limit, ...(after === 0 ? {} : { after }) });
  return rows.map(measuredOf);
}
