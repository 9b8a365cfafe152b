import { expect, test } from 'vitest';
import { SnakeCaseNames, snakeCase } from '#platform/database/naming-strategy.js';

test('names of classes and properties become words with underscores', () => {
  expect(['StoredFile', 'tokensPerSecond', 'id', 'sha256', 'ApiKey'].map(snakeCase)).toEqual([
    'stored_file',
    'tokens_per_second',
    'id',
    'sha256',
    'api_key',
  ]);
});

test('constraints are named after table and columns, within what Postgres keeps of a name', () => {
  const names = new SnakeCaseNames();
  expect(names.primaryKeyName('job_event')).toBe('job_event_pkey');
  expect(names.indexName('job', ['projectId', 'createdAt'])).toBe('job_project_id_created_at_idx');
  const long = names.indexName(
    'job',
    Array.from({ length: 10 }, (_, i) => `aColumnWithALongName${i}`),
  );
  expect(long.length).toBeLessThanOrEqual(63);
  expect(names.checkConstraintName('job', 'a > 1')).not.toBe(names.checkConstraintName('job', 'a > 2'));
});
