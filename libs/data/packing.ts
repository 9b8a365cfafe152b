/** Packs examples of any length into blocks of one length, as compiled training steps need them. */
import { hasTarget, sequencesOf } from '#data/examples.js';
import type { EncodedExample } from '#data/chat.js';
import { LengthCounter, type LengthStatistics } from '#data/length-counter.js';

/** A block of L tokens. Positions restart at 0 with each segment. */
export interface Block {
  readonly tokens: Int32Array;
  /** The example that each token belongs to, from 1 in each block; 0 is padding. */
  readonly segments: Int32Array;
  /** 1 where the token is a target: predicted from the tokens before it in its segment. Never at a segment's start. */
  readonly trained: Uint8Array;
  /** Of examples with classes. */
  readonly classes?: BlockClasses;
  /** [channels, height, width], of a block that is an image. */
  readonly pixels?: Uint8Array;
}

/** What blocks of examples with classes hold beside their tokens. */
export interface BlockClasses {
  /** Token type of each token. */
  readonly types: Uint8Array;
  /** Number of the class of each segment. */
  readonly labels: Int32Array;
}

export interface PackingOptions {
  /** Tokens in a block, at least 2. */
  readonly blockLength: number;
  /** Whether examples share blocks; otherwise each has a block of its own. */
  readonly packing: boolean;
  /** Most examples in a block; any number unless given. */
  readonly maxExamples?: number;
  /** The number of a class by its name, for examples that have one. */
  readonly classOf?: (label: string) => number;
}

/** What packing did. Token counts are of what stands in the blocks unless said otherwise. */
export interface PackingReport {
  /** Examples given to packing. */
  readonly examples: number;
  readonly blocks: number;
  readonly tokens: number;
  /** Tokens that are predicted; the loss is a mean over them. */
  readonly trainedTokens: number;
  /** tokens / (blocks * blockLength). */
  readonly fillShare: number;
  /** Examples that were longer than a block and lost their end. */
  readonly truncatedExamples: number;
  /** Tokens lost so, and with dropped examples. */
  readonly droppedTokens: number;
  /** Examples that were left out because nothing to learn was left of them in a block. */
  readonly droppedExamples: number;
  /** Texts that were longer than a block and were cut into pieces; no token of them is lost. */
  readonly splitExamples: number;
  /** Lengths of the examples in tokens, before anything was cut. */
  readonly lengths: LengthStatistics;
}

/** Tokens that open blocks may hold together, which bounds the memory of packing. */
const WINDOW_TOKENS = 4_000_000;
const MOST_OPEN_BLOCKS = 64;

/** Sequences that lost their ends so that they have `most` tokens together: the longest ones lose first. */
function cutSequences(sequences: readonly EncodedExample[], most: number): EncodedExample[] {
  let left = most;
  const lengths = new Map<EncodedExample, number>();
  const byLength = sequences.toSorted((a, b) => a.ids.length - b.ids.length);
  for (const [done, sequence] of byLength.entries()) {
    const length = Math.min(sequence.ids.length, Math.floor(left / (sequences.length - done)));
    lengths.set(sequence, length);
    left -= length;
  }
  return sequences.map((sequence) => ({
    ids: sequence.ids.slice(0, lengths.get(sequence)),
    trained: sequence.trained.slice(0, lengths.get(sequence)),
  }));
}

/** An example with at most so many tokens. */
export function cutExample(example: EncodedExample, most: number): EncodedExample {
  if (example.ids.length <= most) return example;
  if (example.shorten) return example.shorten(most);
  const kept = cutSequences(sequencesOf(example), most);
  return {
    ...example,
    ids: kept.flatMap(({ ids }) => ids),
    trained: Uint8Array.from(kept.flatMap(({ trained }) => [...trained])),
    ...(example.sequences && {
      sequences: example.sequences.map(({ name }, i) => ({ name, length: kept[i]!.ids.length })),
    }),
  };
}

interface OpenBlock extends Block {
  used: number;
  exampleCount: number;
  segmentCount: number;
  readonly types: Uint8Array;
  readonly labels: number[];
  pixels?: Uint8Array;
}

/**
 * Best-fit packing over a bounded window of open blocks: an example goes where it leaves the least space; if it fits
 * nowhere, a new block is opened, and the fullest one is closed if the window is full. Deterministic and streaming.
 */
export class BlockPacker {
  private readonly open: OpenBlock[] = [];
  private readonly window: number;
  private readonly counter = new LengthCounter();
  private readonly counts = {
    blocks: 0,
    tokens: 0,
    trainedTokens: 0,
    truncatedExamples: 0,
    droppedTokens: 0,
    droppedExamples: 0,
    splitExamples: 0,
  };

  /** `emit` takes each block when it is closed; the block is its to keep. */
  constructor(
    private readonly options: PackingOptions,
    private readonly emit: (block: Block) => void,
  ) {
    const { blockLength, packing } = options;
    if (!Number.isInteger(blockLength) || blockLength < 2) {
      throw new RangeError(`A block must have at least 2 tokens, not ${blockLength}.`);
    }
    const affordable = Math.max(4, Math.floor(WINDOW_TOKENS / blockLength));
    this.window = packing ? Math.min(MOST_OPEN_BLOCKS, affordable) : 1;
  }

  /** Adds an example. One that is too long loses its end, or is cut into pieces if it may be split. */
  add(example: EncodedExample, { maySplit = false }: { maySplit?: boolean } = {}): void {
    const { blockLength } = this.options;
    const { length } = example.ids;
    this.counter.add(length);
    if (length <= blockLength) {
      this.place(sequencesOf(example));
    } else if (maySplit) {
      this.counts.splitExamples++;
      // A piece begins with the last token of the one before, so that each token but the first is predicted once.
      for (let start = 0; start < length - 1; start += blockLength - 1) {
        const end = start + blockLength;
        this.place([{ ids: example.ids.slice(start, end), trained: example.trained.slice(start, end) }]);
      }
    } else {
      const kept = example.shorten
        ? [example.shorten(blockLength)]
        : cutSequences(sequencesOf(example), blockLength);
      if (kept.every(hasTarget)) {
        this.counts.truncatedExamples++;
        this.counts.droppedTokens += length - kept.reduce((sum, { ids }) => sum + ids.length, 0);
        this.place(kept);
      } else {
        this.counts.droppedExamples++;
        this.counts.droppedTokens += length;
      }
    }
  }

  /** Closes what is open and tells what was done. */
  finish(): PackingReport {
    for (const block of this.open.splice(0)) this.close(block);
    const { blocks, tokens } = this.counts;
    return {
      examples: this.counter.count,
      ...this.counts,
      fillShare: blocks === 0 ? 0 : tokens / (blocks * this.options.blockLength),
      lengths: this.counter.statistics(),
    };
  }

  private place(sequences: readonly EncodedExample[]): void {
    const { blockLength, packing, maxExamples = Infinity, classOf } = this.options;
    const block = this.blockFor(sequences.reduce((sum, { ids }) => sum + ids.length, 0));
    block.exampleCount++;
    for (const { ids, trained, types, label, pixels } of sequences) {
      const start = block.used;
      block.segmentCount++;
      block.tokens.set(ids, start);
      block.segments.fill(block.segmentCount, start, start + ids.length);
      block.trained.set(trained, start);
      block.trained[start] = 0;
      block.used += ids.length;
      this.counts.tokens += ids.length;
      for (let i = 1; i < ids.length; i++) this.counts.trainedTokens += trained[i]!;
      if (label === undefined) continue;
      // A class is what is predicted of its text.
      this.counts.trainedTokens++;
      if (types) block.types.set(types, start);
      if (classOf) block.labels.push(classOf(label));
      if (pixels) block.pixels = pixels;
    }
    // No example has fewer than 2 tokens.
    const isFull = block.used > blockLength - 2 || block.exampleCount >= maxExamples;
    if (isFull || !packing) this.closeAt(this.open.indexOf(block));
  }

  private blockFor(length: number): OpenBlock {
    const { blockLength } = this.options;
    let best: OpenBlock | undefined;
    for (const block of this.open) {
      if (block.used + length <= blockLength && (!best || block.used > best.used)) best = block;
    }
    if (best) return best;
    if (this.open.length >= this.window) {
      const fullest = this.open.reduce((a, b) => (b.used > a.used ? b : a));
      this.closeAt(this.open.indexOf(fullest));
    }
    const block: OpenBlock = {
      tokens: new Int32Array(blockLength),
      segments: new Int32Array(blockLength),
      trained: new Uint8Array(blockLength),
      used: 0,
      exampleCount: 0,
      segmentCount: 0,
      types: new Uint8Array(blockLength),
      labels: [],
    };
    this.open.push(block);
    return block;
  }

  private closeAt(index: number): void {
    for (const block of this.open.splice(index, 1)) this.close(block);
  }

  private close({ tokens, segments, trained, types, labels, pixels }: OpenBlock): void {
    this.counts.blocks++;
    const classes = { types, labels: Int32Array.from(labels) };
    this.emit({
      tokens,
      segments,
      trained,
      ...(this.options.classOf ? { classes } : {}),
      ...(pixels ? { pixels } : {}),
    });
  }
}
