/** Formats and columns that a person names, and rows that are kept back. */
import { expect, test } from 'vitest';
import { type DataForm, fieldNames, formatNames } from '#data/data-form.js';
import { DatasetReader } from '#data/dataset.js';
import { bufferAccess } from '#data/formats/random-access.js';
import { rowSources } from '#data/formats/registry.js';
import { readFieldNames } from '#data/rows/registry.js';
import type { Row } from '#data/rows/row.js';
import { chooseValidation, placeOf, promptKey } from '#data/validation-split.js';

async function rowsOf(content: string, form: DataForm): Promise<Row[]> {
  const reader = new DatasetReader(bufferAccess(Buffer.from(content)), { name: 'data', form });
  const rows: Row[] = [];
  for await (const batch of reader.batches()) rows.push(...batch.map(({ row }) => row));
  reader.summary();
  return rows;
}

test('the names are those of the registries', () => {
  expect([...fieldNames]).toEqual(readFieldNames);
  expect([...formatNames].toSorted()).toEqual(rowSources.map(({ name }) => name).toSorted());
});

const columns = { prompt: 'question', completion: 'the answer' };
const expected = [{ kind: 'completion', prompt: 'a', completion: ' b' }];

test.each([
  ['jsonl', '{"question": "a", "the answer": " b", "completion": "no"}\n'],
  ['json', '[{"question": "a", "the answer": " b"}]'],
  ['csv', 'question,the answer\na, b\n'],
  ['csv', 'question?;the answer;question\nx; b;a\n'],
  ['tsv', 'question\tthe answer\na\t b\n'],
] as const)('columns of %s are read under other names', async (format, content) => {
  expect(await rowsOf(content, { format, columns })).toEqual(expected);
});

test('a format that is said goes before what a file looks like', async () => {
  const content = `"what's said?";completion\na; b\n`;
  const form: DataForm = { format: 'csv', columns: { prompt: "what's said?" } };
  expect(await rowsOf(content, form)).toEqual(expected);
  await expect(rowsOf(content, { columns: form.columns })).rejects.toThrow(/line 1/);
  await expect(rowsOf('text\na\n', { format: 'parquet' })).rejects.toThrow(
    /no Parquet, and format says parquet/,
  );
});

test('a column that is not there is named once, with the nearest', async () => {
  const content = 'question,the answer\na, b\nc, d\n';
  await expect(rowsOf(content, { columns: { ...columns, prompt: 'qestion' } })).rejects.toThrow(
    'data, line 2, prompt: columns says that "prompt" is the column "qestion", which the file does not have. Did you mean "question"?',
  );
});

test('a split keeps whole prompts together, as many rows as are asked for, by the seed', () => {
  const rows = Array.from({ length: 100 }, (_, i): Row => {
    return { kind: 'completion', prompt: `p${Math.floor(i / 2)}`, completion: `${i}` };
  });
  const chosenBy = (seed: number, split: number) => {
    const places = rows.map((row) => placeOf(promptKey(row), seed));
    const chosen = chooseValidation(places, split);
    return places.map((place) => chosen.has(place));
  };
  const held = chosenBy(1, 0.1);
  expect(held.filter(Boolean)).toHaveLength(10);
  expect(held.every((is, i) => is === held[i ^ 1])).toBe(true);
  expect(chosenBy(1, 0.1)).toEqual(held);
  expect(chosenBy(2, 0.1)).not.toEqual(held);
  expect(chosenBy(1, 7).filter(Boolean)).toHaveLength(6);
  expect(chosenBy(1, 1).filter(Boolean)).toHaveLength(2);
  expect(() => chosenBy(1, 100)).toThrow(/validation_split: 100 of 100 rows with 50 prompts leaves nothing/);
  expect(() => chooseValidation([1, 1, 1], 0.5)).toThrow(/3 rows with 1 prompts/);
});

test('conversations that begin alike share a side, and so do answers to one prompt', () => {
  const said = (...contents: string[]): Row => ({
    kind: 'chat',
    messages: contents.map((content, i) => ({ role: i % 2 === 0 ? 'user' : 'assistant', content })),
  });
  expect(promptKey(said('a', 'b'))).toBe(promptKey(said('a', 'c', 'd', 'e')));
  expect(promptKey(said('a', 'b'))).not.toBe(promptKey(said('b', 'b')));
});
