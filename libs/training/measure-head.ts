/** Counts the tokens and blocks of a data set from its beginning, as training will count them from all of it. */
import { LengthCounter, type LengthHistogram, type LengthStatistics } from '#data/length-counter.js';
import { BlockPacker, cutExample } from '#data/packing.js';
import type { RowKind } from '#data/rows/row.js';
import { type ExamplePiece, renderExample } from '#data/render-example.js';
import type { Tokenizer } from '#data/tokenizer.js';
import type { DataHead } from '#training/data-head.js';

/** Counts of a data set. */
export interface DataMeasure {
  /** What the file is, as its bytes say, and what its rows are. */
  readonly format: string;
  readonly kind: RowKind;
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
}

export interface ShownExample {
  /** Of the file, from 1. */
  readonly line: number;
  readonly tokens: number;
  /** As many as a block holds. */
  readonly shownTokens: number;
  /** Its class, where that is learned. */
  readonly label?: string;
  readonly pieces: readonly ExamplePiece[];
}

export interface MeasureOptions {
  readonly packing: boolean;
  readonly blockLength: (lengths: { median: number; longest: number }) => number;
}

/** Examples that people look at. */
const shownExamples = 5;
/** Ranges of a histogram of lengths. */
const maxBins = 40;

/** Lengths of the examples of a head, in tokens, before anything is cut. */
export function lengthsOf({ examples }: DataHead): LengthCounter {
  const lengths = new LengthCounter();
  for (const { ids } of examples) lengths.add(ids.length);
  return lengths;
}

/** Packs a head and yields its counts, for the whole file where it is longer. */
export function measureHead(
  head: DataHead,
  { blockLength, packing }: { readonly blockLength: number; readonly packing: boolean },
): DataMeasure {
  const lengths = lengthsOf(head);
  const histogram = lengths.histogram(maxBins);
  const maxExamples = head.examplesPerBlock?.(blockLength);
  const packer = new BlockPacker({ blockLength, packing, maxExamples }, () => undefined);
  for (const example of head.examples) packer.add(example, { maySplit: head.maySplit });
  const report = packer.finish();
  const scaled = (count: number) => Math.round(count * head.share);
  return {
    format: head.format,
    kind: head.kind,
    examples: scaled(report.examples),
    tokens: scaled(report.tokens),
    trainedTokens: scaled(report.trainedTokens),
    blocks: scaled(report.blocks),
    blockLength,
    truncatedExamples: scaled(report.truncatedExamples),
    droppedExamples: scaled(report.droppedExamples),
    estimated: head.isPart,
    lengths: { ...lengths.statistics(), width: histogram.width, counts: histogram.counts.map(scaled) },
  };
}

/** The first examples as the model reads them, each up to `maxTokens`. */
export function showExamples(head: DataHead, tokenizer: Tokenizer, maxTokens: number): ShownExample[] {
  return head.lines.slice(0, shownExamples).map((line, i) => {
    const example = head.examples[i]!;
    const kept = cutExample(example, maxTokens);
    return {
      line,
      tokens: example.ids.length,
      shownTokens: kept.ids.length,
      ...(example.label === undefined ? {} : { label: example.label }),
      pieces: renderExample(kept, tokenizer),
    };
  });
}
