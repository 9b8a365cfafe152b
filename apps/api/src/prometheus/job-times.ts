/** How long jobs wait and run, read from their rows: the same numbers after every restart and from every API. */
import type { Registry } from 'prom-client';
import type { DataSource } from 'typeorm';
import { terminalStates } from '#platform/database/entities/job.js';

const bounds = [1, 5, 15, 60, 300, 900, 3600, 4 * 3600, 12 * 3600, 24 * 3600, 7 * 24 * 3600];

/** A row for each value of the label, with how many jobs took no longer than each bound. */
interface TimesRow {
  readonly label: string;
  readonly count: string;
  readonly sum: number | null;
  readonly buckets: readonly string[];
}

const buckets = `ARRAY[${bounds.map((bound) => `count(*) FILTER (WHERE seconds <= ${bound})`).join(', ')}]`;
const histogramOf = (times: string) =>
  `SELECT label, count(*) AS count, sum(seconds)::float8 AS sum, ${buckets} AS buckets FROM (${times}) times GROUP BY label`;

const histograms = [
  {
    name: 'lowrank_job_waiting_seconds',
    help: 'Time from the making of a job to its first start.',
    label: 'device',
    query: histogramOf(
      `SELECT job.device AS label, extract(epoch FROM started_at - created_at) AS seconds FROM job WHERE started_at IS NOT NULL`,
    ),
  },
  {
    name: 'lowrank_job_running_seconds',
    help: 'Time that workers had a finished job, all attempts together.',
    label: 'status',
    query: histogramOf(
      `SELECT job.state AS label, extract(epoch FROM sum(attempt.ended_at - attempt.started_at)) AS seconds
       FROM job JOIN attempt ON attempt.job_id = job.id
       WHERE job.state IN (${terminalStates.map((state) => `'${state}'`).join(', ')}) GROUP BY job.id`,
    ),
  },
];

/** Histograms that the database counts when they are asked for. */
export function registerJobTimes(registry: Registry, database: DataSource): void {
  for (const { name, help, label, query } of histograms) {
    const metric = {
      name,
      help,
      type: 'histogram',
      aggregator: 'first',
      labelNames: [label],
      async get() {
        const rows = await database.query<TimesRow[]>(query);
        return { name, help, type: 'histogram', aggregator: 'first', values: rows.flatMap(valuesOf) };
      },
    };
    const valuesOf = (row: TimesRow) => {
      const labels = { [label]: row.label };
      const bucket = (le: number | string, value: number) => ({
        metricName: `${name}_bucket`,
        labels: { ...labels, le },
        value,
      });
      return [
        ...bounds.map((bound, i) => bucket(bound, Number(row.buckets[i]))),
        bucket('+Inf', Number(row.count)),
        { metricName: `${name}_sum`, labels, value: row.sum ?? 0 },
        { metricName: `${name}_count`, labels, value: Number(row.count) },
      ];
    };
    registry.registerMetric(metric as never);
  }
}
