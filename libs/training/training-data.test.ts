import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { loadChatTemplate } from '#data/chat-template.js';
import { loadTokenizer } from '#data/load-tokenizer.js';
import type { RowCodec } from '#training/data-head.js';
import { readingOf } from '#training/objectives/declared/registry.js';
import { readBlocks, surveyDataset, tokenCount } from '#training/training-data.js';

const tokenizerFolder = join(import.meta.dirname, '../../test/fixtures/tokenizers/byte-level-llama3');

let folder: string;
let codec: RowCodec;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'training-data-'));
  const tokenizer = await loadTokenizer(tokenizerFolder);
  const template = await loadChatTemplate(tokenizerFolder, tokenizer);
  codec = { tokenizer, template, reading: readingOf({ type: 'supervised' }) };
});
afterEach(() => rm(folder, { recursive: true }));

const row = (prompt: string, completion: string) => JSON.stringify({ prompt, completion });

test('a survey tells lengths and the first example, and is kept for the same data', async () => {
  const file = join(folder, 'data.jsonl');
  const cache = join(folder, 'cache');
  await writeFile(file, [row('a', 'b'), row('a a a', 'b b b b')].join('\n'));
  const survey = await surveyDataset(file, null, codec, cache);
  expect(survey.example.filter(({ trained }) => trained).map(({ text }) => text)).toEqual(['b</s>']);
  expect(survey.longest).toBeGreaterThan(survey.median);
  expect(await readdir(cache)).toHaveLength(1);
  expect(await surveyDataset(file, null, codec, cache)).toEqual(survey);
  await writeFile(file, row('c', 'd'));
  expect((await surveyDataset(file, null, codec, cache)).example).not.toEqual(survey.example);
});

test('a data set with problems has lengths 0, and whoever prepares it names them', async () => {
  const file = join(folder, 'data.jsonl');
  await writeFile(file, 'broken');
  expect(await surveyDataset(file, null, codec, join(folder, 'cache'))).toEqual({
    median: 0,
    longest: 0,
    example: [],
  });
});

test('a batch is filled with empty blocks', () => {
  const block = {
    tokens: Int32Array.of(5, 6, 7, 0),
    segments: Int32Array.of(1, 1, 1, 0),
    trained: Uint8Array.of(0, 1, 1, 0),
  };
  const batch = readBlocks({ blockLength: 4, readBlock: () => block }, [0], 2);
  expect(batch.tokens).toEqual(Int32Array.of(5, 6, 7, 0, 0, 0, 0, 0));
  expect(batch.lossCount).toBe(2);
  expect(tokenCount(batch)).toBe(3);
});
