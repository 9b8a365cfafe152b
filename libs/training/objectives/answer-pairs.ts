/** Pairs of answers to one prompt in a batch: what a step reads of them, and their log-probabilities. */
import type { Batch } from '#data/batch.js';
import { gatherRows } from '#jit/ops/gather-rows.js';
import { sequenceLogProbs } from '#jit/ops/loss-head.js';
import { abs, add, exp, log, maximum, neg, scalar, type Tensor } from '#jit/ops.js';
import type { ProgramInputs, ProgramSpec } from '#jit/trace.js';
import type { LoraModel } from '#lora/lora-model.js';
import type { NumericArray } from '#runtime/numeric-array.js';
import { pairsPerBlock } from '#training/objectives/declared/answer-pairs.js';
import type { BlockSource, Means } from '#training/objectives/objective.js';
import { lossRowCount, tokenInputs, tokenSpec } from '#training/objectives/token-inputs.js';
import type { StepShape } from '#training/step-shape.js';
import { readBlocks, tokenCount } from '#training/training-data.js';

/** Places for pairs in a batch: those of the chosen answers come first, then those of the rejected ones. */
export const pairPlaces = ({ batch, length }: StepShape) => batch * pairsPerBlock(length);

/** What the log-probabilities of a batch need. */
export function answerSpec(shape: StepShape): ProgramSpec['data'] {
  const { lossWeights: _, ...tokens } = tokenSpec(shape);
  return { ...tokens, sequences: { shape: [lossRowCount(shape)], dtype: 'int32' } };
}

/** The log-probabilities of the answers of a batch, [2 pairs]. */
export function answerLogProbs(
  { decoder }: LoraModel,
  data: ProgramInputs['data'],
  shape: StepShape,
): Tensor {
  const hidden = decoder.forward({
    tokens: data['tokens']!,
    positions: data['positions']!,
    segments: data['segments']!,
  });
  return sequenceLogProbs({
    hidden: gatherRows(hidden, data['lossRows']!, data['lossSlots']!),
    head: decoder.logitsHead,
    targets: data['targets']!,
    sequences: data['sequences']!,
    count: 2 * pairPlaces(shape),
    chunks: data['chunks']!,
    chunkSize: shape.chunkSize,
  });
}

/** -log sigmoid(x), without exp of what is large. */
export function negativeLogSigmoid(x: Tensor): Tensor {
  return add(maximum(neg(x), scalar(0)), log(add(scalar(1), exp(neg(abs(x))))));
}

/** The place of each target's answer, and the number of pairs in each block. */
export function placesOf(batch: Batch, shape: StepShape): { sequences: Int32Array; pairs: number[] } {
  const [perBlock, places] = [pairsPerBlock(shape.length), pairPlaces(shape)];
  const sequences = new Int32Array(lossRowCount(shape)).fill(2 * places);
  batch.lossRows.forEach((row, i) => {
    const segment = batch.segments[row]! - 1;
    const place = Math.floor(row / shape.length) * perBlock + (segment >> 1);
    sequences[i] = (segment & 1) * places + place;
  });
  const pairs = Array.from({ length: shape.batch }, (_, block) => {
    const own = batch.segments.subarray(block * shape.length, (block + 1) * shape.length);
    return own.reduce((most, segment) => Math.max(most, segment), 0) >> 1;
  });
  return { sequences, pairs };
}

export function answerInputs(
  batch: Batch,
  shape: StepShape,
  sequences: Int32Array,
): Record<string, NumericArray> {
  const { lossWeights: _, ...tokens } = tokenInputs(batch, shape, 1);
  return { ...tokens, sequences };
}

/** What each pair of a step of `total` pairs counts, by its place. */
export function pairWeightsOf(pairs: readonly number[], total: number, shape: StepShape): Float32Array {
  const perBlock = pairsPerBlock(shape.length);
  const weights = new Float32Array(pairPlaces(shape));
  for (const [block, count] of pairs.entries())
    weights.fill(1 / Math.max(1, total), block * perBlock, block * perBlock + count);
  return weights;
}

/** The pairs of blocks by number, with the counts that every objective of pairs tells. */
export function readPairs(source: BlockSource, indices: readonly number[], shape: StepShape) {
  const batch = readBlocks(source, indices, shape.batch);
  const { sequences, pairs } = placesOf(batch, shape);
  return {
    batch,
    sequences,
    pairs,
    counts: {
      count: pairs.reduce((sum, count) => sum + count, 0),
      tokens: tokenCount(batch),
      targets: batch.lossCount,
    },
  };
}

/** Every measure but the loss is a metric. */
export function metricsOf(means: Means): Record<string, number> {
  const { loss: _, ...metrics } = means;
  return metrics;
}
