/** What a job leaves of its curves: a table of its steps, as a file that OpenAI's clients know how to fetch. */
import { createHash } from 'node:crypto';
import type { EntityManager } from 'typeorm';
import { resolvedOf } from '#jobs/job-options.js';
import type { Job } from '#platform/database/entities/job.js';
import type { MetricKind } from '#platform/database/entities/metric.js';
import { StoredFile } from '#platform/database/entities/stored-file.js';
import { newId } from '#platform/ids.js';
import { declarationOf } from '#training/objectives/declared/registry.js';

/** As OpenAI calls it. */
const filename = 'step_metrics.csv';

export interface MeasuredStep {
  readonly step: number;
  readonly kind: MetricKind;
  readonly values: Readonly<Record<string, unknown>>;
}

/** A column: its name, and of which measurement it shows which value. */
type Column = readonly [name: string, kind: MetricKind, value: string];

/**
 * Steps as CSV, a line each. The first five columns are OpenAI's: step, train_loss, train_accuracy, valid_loss and
 * valid_mean_token_accuracy, which other objectives call by their own name (`valid_reward_accuracy`); further metrics of
 * the objective follow. What was not measured at a step is empty.
 */
export function stepTable(
  checkpointMetrics: Readonly<Record<string, string>>,
  metrics: readonly MeasuredStep[],
): string {
  const { accuracy = 'accuracy', ...others } = checkpointMetrics;
  const columns: Column[] = [
    ['train_loss', 'step', 'loss'],
    ['train_accuracy', 'step', 'accuracy'],
    ['valid_loss', 'evaluation', 'loss'],
    [`valid_${accuracy}`, 'evaluation', 'accuracy'],
    ...Object.entries(others).flatMap(([metric, name]): Column[] => [
      [`train_${name}`, 'step', metric],
      [`valid_${name}`, 'evaluation', metric],
    ]),
  ];
  const rows = new Map<number, Map<string, unknown>>();
  for (const { step, kind, values } of metrics) {
    const row = rows.get(step) ?? new Map<string, unknown>();
    rows.set(step, row);
    for (const [name, of, value] of columns) if (of === kind) row.set(name, values[value]);
  }
  const text = (value: unknown) => (typeof value === 'number' ? String(value) : '');
  const lines = [...rows]
    .toSorted(([a], [b]) => a - b)
    .map(([step, row]) => [step, ...columns.map(([name]) => text(row.get(name)))].join(','));
  return `${[['step', ...columns.map(([name]) => name)].join(','), ...lines].join('\n')}\n`;
}

/**
 * Makes the file of a job that ends, in the transaction that ends it. Yields its id; null for a job that measured nothing.
 * The bytes lie in the row: a job ends whether or not the object store can be reached.
 */
export async function keepResults(manager: EntityManager, job: Readonly<Job>): Promise<string | null> {
  const metrics = await manager.query<MeasuredStep[]>(
    `SELECT step, kind, values FROM metric WHERE job_id = $1 AND kind IN ('step', 'evaluation')`,
    [job.id],
  );
  if (!metrics.some(({ kind }) => kind === 'step')) return null;
  const { checkpointMetrics } = declarationOf(resolvedOf(job).training.method);
  const content = Buffer.from(stepTable(checkpointMetrics, metrics));
  const id = newId('file');
  await manager.insert(StoredFile, {
    id,
    projectId: job.projectId,
    filename,
    purpose: 'fine-tune-results',
    bytes: content.length,
    sha256: createHash('sha256').update(content).digest('hex'),
    objectKey: null,
    content,
    report: null,
  });
  return id;
}
