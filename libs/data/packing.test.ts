import { describe, expect, it } from 'vitest';
import { mix32 } from '#jit/random.js';
import type { EncodedExample } from '#data/chat.js';
import { BlockPacker, type Block, type PackingOptions, type PackingReport } from '#data/packing.js';

interface Packed {
  readonly blocks: Block[];
  readonly report: PackingReport;
}

function pack(examples: readonly EncodedExample[], options: PackingOptions, maySplit = false): Packed {
  const blocks: Block[] = [];
  const packer = new BlockPacker(options, (block) => blocks.push(block));
  for (const example of examples) packer.add(example, { maySplit });
  return { blocks, report: packer.finish() };
}

/** An example of ids that are all its own, with everything after `prompt` tokens to learn. */
function example(first: number, length: number, prompt = 1): EncodedExample {
  return {
    ids: Array.from({ length }, (_, index) => first + index),
    trained: Uint8Array.from({ length }, (_, index) => (index >= prompt ? 1 : 0)),
  };
}

/** The segments of blocks as [ids, trained], in order. */
function segmentsOf(blocks: readonly Block[]): [number[], number[]][] {
  return blocks.flatMap(({ tokens, segments, trained }) => {
    const found: [number[], number[]][] = [];
    for (let segment = 1; segments.includes(segment); segment++) {
      const places = [...segments.keys()].filter((index) => segments[index] === segment);
      found.push([places.map((index) => tokens[index]!), places.map((index) => trained[index]!)]);
    }
    return found;
  });
}

describe('BlockPacker', () => {
  it('puts examples where they leave the least space', () => {
    const lengths = [6, 5, 4, 3, 2];
    const examples = lengths.map((length, index) => example(100 * (index + 1), length));
    const { blocks, report } = pack(examples, { blockLength: 10, packing: true });
    expect(blocks.map((block) => [...block.tokens])).toEqual([
      [100, 101, 102, 103, 104, 105, 300, 301, 302, 303],
      [200, 201, 202, 203, 204, 400, 401, 402, 500, 501],
    ]);
    expect(blocks.map((block) => block.segments.join(''))).toEqual(['1111112222', '1111122233']);
    expect(report).toMatchObject({ examples: 5, blocks: 2, tokens: 20, trainedTokens: 15, fillShare: 1 });
  });

  it('keeps every example whole and once, whatever the lengths', () => {
    const examples = Array.from({ length: 500 }, (_, index) =>
      example(1000 * index, 2 + (mix32(index) % 60), 1 + (mix32(index + 1000) % 2)),
    );
    const { blocks, report } = pack(examples, { blockLength: 64, packing: true });
    const kept = segmentsOf(blocks).sort(([[a]], [[b]]) => a! - b!);
    expect(kept).toEqual(examples.map(({ ids, trained }) => [ids, [...trained]]));
    expect(report.tokens).toBe(examples.reduce((sum, { ids }) => sum + ids.length, 0));
    expect(report.trainedTokens).toBe(
      blocks.reduce((sum, { trained }) => sum + trained.filter(Boolean).length, 0),
    );
    expect(report.fillShare).toBeGreaterThan(0.95);
  });

  it('makes the same blocks again', () => {
    const examples = Array.from({ length: 200 }, (_, index) => example(index, 2 + (mix32(index) % 30)));
    const options = { blockLength: 32, packing: true };
    expect(pack(examples, options)).toEqual(pack(examples, options));
  });

  it('holds a bounded number of open blocks', () => {
    let emitted = 0;
    const packer = new BlockPacker({ blockLength: 100, packing: true }, () => emitted++);
    for (let index = 0; index < 1000; index++) packer.add(example(0, 60));
    expect(emitted).toBe(1000 - 64);
    expect(packer.finish().blocks).toBe(1000);
  });

  it('gives each example a block of its own without packing', () => {
    const { blocks, report } = pack([example(1, 3), example(10, 2), example(20, 5)], {
      blockLength: 5,
      packing: false,
    });
    expect(blocks.map((block) => [...block.tokens])).toEqual([
      [1, 2, 3, 0, 0],
      [10, 11, 0, 0, 0],
      [20, 21, 22, 23, 24],
    ]);
    expect(blocks.map((block) => block.segments.join(''))).toEqual(['11100', '11000', '11111']);
    expect(report).toMatchObject({ blocks: 3, tokens: 10, fillShare: 10 / 15 });
  });

  it('never makes the first token of a segment a target', () => {
    const all: EncodedExample = { ids: [1, 2, 3], trained: Uint8Array.of(1, 1, 1) };
    const { blocks, report } = pack([all, all], { blockLength: 6, packing: true });
    expect([...blocks[0]!.trained]).toEqual([0, 1, 1, 0, 1, 1]);
    expect(report.trainedTokens).toBe(4);
  });

  it('cuts the end off an example that is too long, and says so', () => {
    const { blocks, report } = pack([example(0, 12, 3), example(100, 4)], { blockLength: 8, packing: true });
    expect([...blocks[0]!.tokens]).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(report).toMatchObject({ truncatedExamples: 1, droppedTokens: 4, droppedExamples: 0, examples: 2 });
  });

  it('drops an example of which nothing to learn is left, and says so', () => {
    const { blocks, report } = pack([example(0, 12, 8), example(100, 4)], { blockLength: 8, packing: true });
    expect(segmentsOf(blocks)).toEqual([
      [
        [100, 101, 102, 103],
        [0, 1, 1, 1],
      ],
    ]);
    expect(report).toMatchObject({
      truncatedExamples: 0,
      droppedTokens: 12,
      droppedExamples: 1,
      examples: 2,
    });
  });

  it('cuts a long text into pieces that predict each token once', () => {
    const { blocks, report } = pack([example(0, 20)], { blockLength: 8, packing: true }, true);
    const segments = segmentsOf(blocks);
    expect(segments.map(([ids]) => ids)).toEqual([
      [0, 1, 2, 3, 4, 5, 6, 7],
      [7, 8, 9, 10, 11, 12, 13, 14],
      [14, 15, 16, 17, 18, 19],
    ]);
    const targets = segments.flatMap(([ids, trained]) => ids.filter((_, index) => trained[index] === 1));
    expect(targets).toEqual(Array.from({ length: 19 }, (_, index) => index + 1));
    expect(report).toMatchObject({
      splitExamples: 1,
      droppedTokens: 0,
      trainedTokens: 19,
      truncatedExamples: 0,
    });
  });

  it('leaves no piece without a target when the text ends with a block', () => {
    for (const length of [8, 9, 14, 15, 16, 22]) {
      const { blocks, report } = pack([example(0, length)], { blockLength: 8, packing: false }, true);
      expect(report.trainedTokens).toBe(length - 1);
      expect(blocks.every(({ trained }) => trained.includes(1))).toBe(true);
    }
  });

  it('tells the lengths of the examples before anything was cut', () => {
    const examples = [2, 3, 4, 5, 6, 7, 8, 9, 10, 100].map((length) => example(0, length));
    expect(pack(examples, { blockLength: 16, packing: true }).report.lengths).toEqual({
      min: 2,
      median: 6,
      p90: 10,
      max: 100,
    });
  });

  it('reports zeros for no examples and refuses blocks that hold no target', () => {
    expect(pack([], { blockLength: 8, packing: true }).report).toMatchObject({
      blocks: 0,
      fillShare: 0,
      lengths: { min: 0, median: 0, p90: 0, max: 0 },
    });
    expect(() => pack([], { blockLength: 1, packing: true })).toThrow(RangeError);
  });
});
