/** A job with a long history, without the hours that it takes. */
import { Client } from 'pg';
import { embeddedPostgresUrl } from '#platform/database/embedded-postgres.js';
import type { TestStack } from '../e2e/stack.js';

/** Steps between two evaluations of a long job. */
export const evaluateEvery = 1000;

async function query(stack: TestStack, text: string, values: unknown[]): Promise<void> {
  const connectionString = stack.environment['DATABASE_URL'] ?? (await embeddedPostgresUrl(stack.home));
  const client = new Client({ connectionString });
  await client.connect();
  try {
    await client.query(text, values);
  } finally {
    await client.end();
  }
}

/** Writes the metrics of steps 1 to `count` and of an evaluation now and then into a job that nobody runs. */
export async function writeLongHistory(stack: TestStack, jobId: string, count: number): Promise<void> {
  await query(
    stack,
    `INSERT INTO metric (job_id, step, kind, seq, attempt, values)
     SELECT $1, step, 'step', step + (step - 1) / $3, 1, jsonb_build_object(
       'loss', 1 + 3 * exp(-step / 20000.0) + 0.2 * sin(step), 'accuracy', 0.5 + 0.3 * (1 - exp(-step / 30000.0)),
       'grad_norm', 1 + 0.5 * sin(step * 1.7), 'learning_rate', 1e-4 * (1 - step / $2::float8),
       'tokens_per_second', 900 + 50 * sin(step * 0.3), 'epoch', step / 10000.0, 'tokens', 512, 'loss_tokens', 300)
     FROM generate_series(1, $2::int) step
     UNION ALL
     SELECT $1, step, 'evaluation', step + step / $3, 1,
       jsonb_build_object('loss', 1.2 + 3 * exp(-step / 20000.0), 'accuracy', 0.5)
     FROM generate_series($3::int, $2::int, $3::int) step`,
    [jobId, count, evaluateEvery],
  );
  await query(stack, 'UPDATE job SET step = $2, total_steps = $2 WHERE id = $1', [jobId, count]);
}
