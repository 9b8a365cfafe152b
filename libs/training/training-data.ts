/** The data of a run: prepared blocks, batches of them, and a first example for people to look at. */
import { createHash } from 'node:crypto';
import { mkdir, open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { type Batch, makeBatch } from '#data/batch.js';
import type { BlockStore } from '#data/block-store.js';
import type { ChatTemplate } from '#data/chat-template.js';
import { DatasetReader } from '#data/dataset.js';
import { encodeRow } from '#data/examples.js';
import { LengthCounter } from '#data/length-counter.js';
import type { Block } from '#data/packing.js';
import { type ExamplePiece, renderExample } from '#data/render-example.js';
import type { Tokenizer } from '#data/tokenizer.js';
import { writeFileAtomically } from '#base/atomic-file.js';

/** What turns text into tokens. */
export interface TextCodec {
  readonly tokenizer: Tokenizer;
  readonly template: ChatTemplate;
}

const survey = z.object({
  /** In tokens. */
  median: z.int(),
  longest: z.int(),
  example: z.array(z.object({ text: z.string(), trained: z.boolean() })),
});

/** A look at the start of a data set: how long its examples are, and the first of them in pieces. */
export interface DataSurvey {
  readonly median: number;
  readonly longest: number;
  readonly example: readonly ExamplePiece[];
}

const surveyBytes = 1 << 20;

/**
 * Looks at the first megabyte of a data set, once for the same bytes, tokenizer and template.
 *
 * Problems in the data are left for `prepareDataset` to name; a set without sound rows has lengths 0. Throws the errors
 * of the file system and the signal's reason.
 */
export async function surveyDataset(
  file: string,
  { tokenizer, template }: TextCodec,
  cacheFolder: string,
  signal?: AbortSignal,
): Promise<DataSurvey> {
  const key = createHash('sha256')
    .update(JSON.stringify([1, tokenizer.digest, template.digest]))
    .update(await firstBytes(file))
    .digest('hex');
  const path = join(cacheFolder, `${key}.survey`);
  const known = await readFile(path, 'utf8').then(
    (text) => survey.safeParse(safeJson(text)).data,
    () => undefined,
  );
  if (known) return known;
  const result = await readSurvey(file, { tokenizer, template }, signal);
  // A disk without room costs the next run its shortcut, nothing else.
  await mkdir(cacheFolder, { recursive: true })
    .then(() => writeFileAtomically(path, [Buffer.from(JSON.stringify(result))]))
    .catch(() => undefined);
  return result;
}

async function firstBytes(file: string): Promise<Buffer> {
  const handle = await open(file);
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(surveyBytes), 0, surveyBytes, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}

function safeJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

async function readSurvey(
  file: string,
  { tokenizer, template }: TextCodec,
  signal?: AbortSignal,
): Promise<DataSurvey> {
  const reader = new DatasetReader(file, { signal });
  const lengths = new LengthCounter();
  let example: readonly ExamplePiece[] = [];
  for await (const rows of reader.batches()) {
    for (const { row } of rows) {
      try {
        const encoded = encodeRow(row, tokenizer, template);
        if (lengths.count === 0) example = renderExample(encoded, tokenizer);
        lengths.add(encoded.ids.length);
      } catch {
        continue;
      }
    }
    if (reader.bytesRead >= surveyBytes) break;
  }
  const { median, max } = lengths.statistics();
  return { median, longest: max, example };
}

/** A block without tokens, which fills the last batch of an evaluation. */
function emptyBlock(length: number): Block {
  return {
    tokens: new Int32Array(length),
    segments: new Int32Array(length),
    trained: new Uint8Array(length),
  };
}

/** Blocks by number as one batch of `size` blocks; missing ones are empty. */
export function readBatch(store: BlockStore, indices: readonly number[], size: number): Batch {
  const blocks = indices.map((index) => store.readBlock(index));
  while (blocks.length < size) blocks.push(emptyBlock(store.blockLength));
  return makeBatch(blocks);
}

/** Tokens of a batch, padding apart. */
export function tokenCount({ segments }: Batch): number {
  let count = 0;
  for (const segment of segments) if (segment > 0) count++;
  return count;
}
