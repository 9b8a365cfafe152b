/** Counts the tokens of a data set from its beginning, as the trainer will count them from all of it. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import type { Readable } from 'node:stream';
import type { EncodedExample } from '#data/chat.js';
import { DatasetReader } from '#data/dataset.js';
import { encodeRow, hasTarget } from '#data/examples.js';
import { ChatTemplateError } from '#data/jinja.js';
import { LengthCounter, type LengthHistogram, type LengthStatistics } from '#data/length-counter.js';
import { BlockPacker } from '#data/packing.js';
import { type ExamplePiece, renderExample } from '#data/render-example.js';
import { LowrankError } from '#base/errors.js';
import type { KnownModel } from '#jobs/known-models.js';

export interface MeasuredFile {
  /** What problems call it. */
  readonly name: string;
  readonly bytes: number;
  /** Its content from the first byte on, `length` bytes of it. */
  readonly open: (length: number) => Promise<Readable>;
}

/** Counts of a data set. */
export interface DataMeasure {
  readonly examples: number;
  readonly tokens: number;
  readonly trainedTokens: number;
  readonly blocks: number;
  readonly blockLength: number;
  readonly truncatedExamples: number;
  readonly droppedExamples: number;
  /** Whether the file is longer than what was read, so that counts are estimates. */
  readonly estimated: boolean;
  /** Tokens of the examples before anything is cut. */
  readonly lengths: LengthStatistics & LengthHistogram;
  /** The first example as the model reads it, in pieces. */
  readonly example: readonly ExamplePiece[];
  /** The first examples, each up to the length of a block. */
  readonly shown: readonly ShownExample[];
}

export interface ShownExample {
  /** Of the file, from 1. */
  readonly line: number;
  readonly tokens: number;
  /** As many as a block holds. */
  readonly shownTokens: number;
  readonly pieces: readonly ExamplePiece[];
}

export interface MeasureOptions {
  readonly packing: boolean;
  readonly blockLength: (lengths: { median: number; longest: number }) => number;
}

/** As much as the trainer looks at to choose the length of blocks. */
const measuredBytes = 1 << 20;
const lineFeed = 10;
const shownExamples = 5;
/** Ranges of a histogram of lengths. */
const mostBins = 40;
/** How long the event loop may wait. */
const sliceMilliseconds = 10;

/** Reads the first megabyte of a data set. Throws DataError with the problems in it. */
export async function measureData(
  file: MeasuredFile,
  model: KnownModel,
  { packing, blockLength }: MeasureOptions,
): Promise<DataMeasure> {
  const folder = await mkdtemp(join(tmpdir(), 'lowrank-plan-'));
  try {
    const path = join(folder, 'data.jsonl');
    const isWhole = file.bytes <= measuredBytes;
    const head = await wholeLines(await file.open(Math.min(file.bytes, measuredBytes)), isWhole);
    if (head.length === 0 && !isWhole) throw lineTooLong(file);
    await writeFile(path, head);
    const examples = await encodeAll(path, file.name, model);
    const lengths = new LengthCounter();
    for (const { ids } of examples.encoded) lengths.add(ids.length);
    const statistics = lengths.statistics();
    const histogram = lengths.histogram(mostBins);
    const length = blockLength({ median: statistics.median, longest: statistics.max });
    const packer = new BlockPacker({ blockLength: length, packing }, () => undefined);
    const { maySplit } = examples;
    for (const example of examples.encoded) packer.add(example, { maySplit });
    const report = packer.finish();
    const share = isWhole ? 1 : file.bytes / head.length;
    const scaled = (count: number) => Math.round(count * share);
    return {
      examples: scaled(report.examples),
      tokens: scaled(report.tokens),
      trainedTokens: scaled(report.trainedTokens),
      blocks: scaled(report.blocks),
      blockLength: length,
      truncatedExamples: scaled(report.truncatedExamples),
      droppedExamples: scaled(report.droppedExamples),
      estimated: !isWhole,
      lengths: { ...statistics, width: histogram.width, counts: histogram.counts.map(scaled) },
      example: examples.first(),
      shown: examples.shown(length),
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function wholeLines(content: Readable, isWhole: boolean): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of content) chunks.push(chunk as Buffer);
  const all = Buffer.concat(chunks);
  return isWhole ? all : all.subarray(0, all.lastIndexOf(lineFeed) + 1);
}

function lineTooLong({ name }: MeasuredFile): LowrankError {
  return new LowrankError('line_too_long', `${name}: the first line is longer than ${measuredBytes} bytes`);
}

interface EncodedFile {
  readonly encoded: readonly EncodedExample[];
  readonly maySplit: boolean;
  first(): readonly ExamplePiece[];
  shown(mostTokens: number): readonly ShownExample[];
}

async function encodeAll(path: string, name: string, model: KnownModel): Promise<EncodedFile> {
  const { tokenizer, template } = await model.codec();
  const reader = new DatasetReader(path, { name });
  const { problems } = reader;
  const encoded: EncodedExample[] = [];
  const firstLines: number[] = [];
  let maySplit = false;
  let sliceStart = performance.now();
  for await (const rows of reader.batches()) {
    for (const { row, line } of rows) {
      if (problems.isFull) break;
      if (performance.now() - sliceStart > sliceMilliseconds) {
        await setImmediate();
        sliceStart = performance.now();
      }
      maySplit = row.kind === 'text';
      try {
        const example = encodeRow(row, tokenizer, template);
        if (hasTarget(example)) {
          if (encoded.push(example) <= shownExamples) firstLines.push(line);
        } else
          problems.add(
            line,
            '',
            'nothing_to_learn',
            'the row has no token to learn. Add text to it, or remove it.',
          );
      } catch (error) {
        if (!(error instanceof ChatTemplateError)) throw error;
        problems.add(line, 'messages', error.code, `the model's chat template says: ${error.reason}`);
      }
    }
  }
  problems.throwIfAny();
  const [first] = encoded;
  return {
    encoded,
    maySplit,
    first: () => (first ? renderExample(first, tokenizer) : []),
    shown: (mostTokens) =>
      firstLines.map((line, i) => {
        const { ids, trained } = encoded[i]!;
        const kept = { ids: ids.slice(0, mostTokens), trained: trained.slice(0, mostTokens) };
        return {
          line,
          tokens: ids.length,
          shownTokens: kept.ids.length,
          pieces: renderExample(kept, tokenizer),
        };
      }),
  };
}
