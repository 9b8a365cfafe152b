/** One job over HTTP for every format of data files, from upload to adapter: the same rows give the same bits. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { LowrankClient } from '#client/client.js';
import { uploadFile } from '../../apps/cli/src/upload-file.js';
import { startTestStack, type TestStack } from './stack.js';
import { waitForEnd } from './stack-watch.js';

let stack: TestStack;
let client: LowrankClient;
let rows: { text: string }[];
const digests = new Set<string>();

beforeAll(async () => {
  stack = await startTestStack();
  ({ client } = stack);
  const example = join(import.meta.dirname, '../../examples/quickstart/train.jsonl');
  const lines = (await readFile(example, 'utf8')).trim().split('\n').slice(0, 200);
  rows = lines.map((line) => JSON.parse(line) as { text: string });
}, 120_000);
afterAll(() => stack?.close());

const jsonLines = () => rows.map((row) => `${JSON.stringify(row)}\n`).join('');
const table = (separator: string) =>
  [['text', 'place'], ...rows.map(({ text }, i) => [text, String(i)])]
    .map((cells) => cells.map((cell) => `"${cell.replaceAll('"', '""')}"`).join(separator) + '\r\n')
    .join('');

const settings = {
  model: 'prose-4m',
  seed: 5,
  lora: { r: 4 },
  training: { max_steps: 3, batch_size: 2, block_length: 64 },
};

test.each<[format: string, content: () => string | Buffer | Promise<Buffer>]>([
  ['jsonl', jsonLines],
  ['jsonl in gzip', () => gzipSync(jsonLines())],
  ['jsonl in UTF-16', () => Buffer.from(`\ufeff${jsonLines()}`, 'utf16le')],
  ['json', () => JSON.stringify(rows, null, 1)],
  ['csv', () => table(',')],
  ['csv in gzip', () => gzipSync(table(';'))],
  ['tsv', () => table('\t')],
  ['parquet', () => readFile(join(import.meta.dirname, '../fixtures/parquet/quickstart.parquet'))],
])('%s', async (format, content) => {
  // The name says nothing of the format.
  const file = join(stack.home, 'data');
  await writeFile(file, await content());
  const { id } = await uploadFile(client, file);
  expect((await client.files.get(id)).report).toMatchObject({ format, kind: 'text', rows: rows.length });
  const job = { ...settings, training_file: id };
  expect(await client.jobs.plan(job)).toMatchObject({
    total_steps: 3,
    data: { training: { format, kind: 'text' } },
  });
  const { adapter, status, error } = await waitForEnd(client, (await client.jobs.create(job)).id);
  expect({ status, error }).toEqual({ status: 'succeeded', error: null });
  digests.add((await client.adapters.get(adapter!)).sha256);
  expect(digests.size).toBe(1);
});

test('columns of other names, said at the upload or in the job', async () => {
  const file = join(stack.home, 'named.csv');
  await writeFile(file, table(',').replace('"text"', '"what it says"'));
  await expect(uploadFile(client, file)).rejects.toThrow(/say with columns which are meant/);
  const wrong = uploadFile(client, file, { columns: { text: 'what is said' } });
  await expect(wrong).rejects.toThrow(/does not have. Did you mean "what it says"/);
  const { id, report } = await uploadFile(client, file, { format: 'csv', columns: { text: 'what it says' } });
  expect(report).toMatchObject({ rows: rows.length, form: { format: 'csv' } });
  const made = await client.jobs.create({ ...settings, training_file: id });
  expect(made).toMatchObject({ format: 'csv', columns: { text: 'what it says' } });
  const { adapter } = await waitForEnd(client, made.id);
  digests.add((await client.adapters.get(adapter!)).sha256);
  expect(digests.size).toBe(1);
  const other = { ...settings, training_file: id, columns: { text: 'place' } };
  expect((await client.jobs.plan(other)).data!.training.tokens).toBeLessThan(
    (await client.jobs.plan({ ...settings, training_file: id })).data!.training.tokens,
  );
});

test('rows of the training file validate, and the plan and the job say how many', async () => {
  const file = join(stack.home, 'split.jsonl');
  await writeFile(file, jsonLines());
  const { id } = await uploadFile(client, file);
  const job = { ...settings, training_file: id, validation_split: 0.1 };
  const held = Math.round(rows.length / 10);
  const examples = { training: { examples: rows.length - held }, validation: { examples: held } };
  expect((await client.jobs.plan(job)).data).toMatchObject(examples);
  const { plan, status } = await waitForEnd(client, (await client.jobs.create(job)).id);
  expect(status).toBe('succeeded');
  expect(plan!.rows).toEqual({ training: rows.length - held, validation: held });
});
