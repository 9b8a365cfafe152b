/** The data of a run: prepared blocks, batches of them, and a first example for people to look at. */
import { createHash } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { type Batch, makeBatch } from '#data/batch.js';
import type { BlockStore } from '#data/block-store.js';
import { type DataForm, formKey } from '#data/data-form.js';
import { readsImages } from '#data/input-codec.js';
import type { Block } from '#data/packing.js';
import type { ExamplePiece } from '#data/render-example.js';
import { writeFileAtomically } from '#base/atomic-file.js';
import { LowrankError } from '#base/errors.js';
import {
  type DataHead,
  headBytes,
  type HeadOptions,
  type HeadSource,
  readHead,
  withFile,
  codecKey,
  type RowCodec,
} from '#training/data-head.js';
import { examplePiece } from '#training/example-piece.js';
import { lengthsOf, showExamples } from '#training/measure-head.js';

const survey = z.object({
  /** In tokens. */
  median: z.int(),
  longest: z.int(),
  example: z.array(examplePiece),
});

/** A look at the start of a data set: how long its examples are, and the first of them in pieces. */
export interface DataSurvey {
  readonly median: number;
  readonly longest: number;
  readonly example: readonly ExamplePiece[];
}

/** As much of an example as is shown. */
const shownTokens = 4096;
/** As much of the end of a file as tells it from others. */
const footBytes = 64 * 1024;

/**
 * Looks at the head of a data set, once for the same bytes, tokenizer and template.
 *
 * Problems in the data are left for `prepareDataset` to name; a set without sound rows has lengths 0. Throws the errors
 * of the file system and the signal's reason.
 */
export async function surveyDataset(
  file: string,
  form: DataForm | null,
  codec: RowCodec,
  cacheFolder: string,
  signal?: AbortSignal,
): Promise<DataSurvey> {
  return withFile(file, form, (source) => surveySource(source, codec, cacheFolder, signal));
}

async function surveySource(
  source: HeadSource,
  codec: RowCodec,
  cacheFolder: string,
  signal: AbortSignal | undefined,
): Promise<DataSurvey> {
  const { size } = source.content;
  const key = createHash('sha256')
    .update(JSON.stringify([5, size, codecKey(codec), formKey(source.form)]))
    .update(await source.content.read(0, headBytes))
    // Where formats of columns tell them apart.
    .update(await source.content.read(Math.max(0, size - footBytes), footBytes))
    .digest('hex');
  const path = join(cacheFolder, `${key}.survey`);
  const known = await readFile(path, 'utf8').then(
    (text) => survey.safeParse(safeJson(text)).data,
    () => undefined,
  );
  if (known) return known;
  const head = await soundHead(source, codec, { signal });
  const result = { ...rangeOf(head), example: exampleOf(head, codec) };
  // A disk without room costs the next run its shortcut, nothing else.
  await mkdir(cacheFolder, { recursive: true })
    .then(() => writeFileAtomically(path, [Buffer.from(JSON.stringify(result))]))
    .catch(() => undefined);
  return result;
}

/** The first example of a data set in pieces; empty if the file begins with something else. */
export async function firstExample(
  file: string,
  form: DataForm | null,
  codec: RowCodec,
): Promise<readonly ExamplePiece[]> {
  const head = await withFile(file, form, (source) => soundHead(source, codec, { maxExamples: 1 }));
  return exampleOf(head, codec);
}

async function soundHead(
  source: HeadSource,
  codec: RowCodec,
  options: HeadOptions,
): Promise<DataHead | undefined> {
  try {
    return await readHead(source, codec, options);
  } catch (error) {
    if (error instanceof LowrankError && ['invalid_data', 'line_too_long'].includes(error.code))
      return undefined;
    throw error;
  }
}

function rangeOf(head: DataHead | undefined): { readonly median: number; readonly longest: number } {
  if (!head) return { median: 0, longest: 0 };
  const { median, max } = lengthsOf(head).statistics();
  return { median, longest: max };
}

function exampleOf(head: DataHead | undefined, codec: RowCodec): readonly ExamplePiece[] {
  if (readsImages(codec)) return [];
  return (head && showExamples(head, codec.tokenizer, shownTokens)[0]?.pieces) ?? [];
}

function safeJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
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
export function readBlocks(
  store: Pick<BlockStore, 'readBlock' | 'blockLength'>,
  indices: readonly number[],
  size: number,
): Batch {
  return batchOf(
    indices.map((index) => store.readBlock(index)),
    store.blockLength,
    size,
  );
}

/** Blocks of a length as one batch of `size` blocks; missing ones are empty. */
export function batchOf(blocks: readonly Block[], length: number, size: number): Batch {
  const missing = Math.max(0, size - blocks.length);
  return makeBatch([...blocks, ...Array.from({ length: missing }, () => emptyBlock(length))]);
}

/** Tokens of a batch, padding apart. */
export function tokenCount({ segments }: Batch): number {
  let count = 0;
  for (const segment of segments) if (segment > 0) count++;
  return count;
}
