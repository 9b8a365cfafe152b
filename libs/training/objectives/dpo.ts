/**
 * Direct preference optimisation (Rafailov et al. 2023): of each pair of answers to one prompt,
 * -log sigmoid(beta ((log p(chosen) - log q(chosen)) - (log p(rejected) - log q(rejected)))), where q is the reference,
 * whose log-probabilities are computed once before the first step.
 *
 * A block holds whole pairs: the chosen answer with its prompt is a segment, and the rejected one is the next. A batch has
 * places for `pairs` of them; the places of its chosen answers come first, then those of the rejected ones.
 */
import type { Batch } from '#data/batch.js';
import { gatherRows } from '#jit/ops/gather-rows.js';
import { sequenceLogProbs } from '#jit/ops/loss-head.js';
import {
  abs,
  add,
  cast,
  concat,
  exp,
  greater,
  log,
  maximum,
  mul,
  neg,
  reshape,
  scalar,
  sigmoid,
  slice,
  sub,
  sum,
  type Tensor,
  withGradient,
} from '#jit/ops.js';
import type { ProgramInputs, ProgramSpec } from '#jit/trace.js';
import type { LoraModel } from '#lora/lora-model.js';
import type { NumericArray } from '#runtime/numeric-array.js';
import { dpoDeclaration, pairsPerBlock } from '#training/objectives/declared/dpo.js';
import type { Method } from '#training/objectives/declared/registry.js';
import type { BlockSource, Means, Objective } from '#training/objectives/objective.js';
import { lossRowCount, tokenInputs, tokenSpec } from '#training/objectives/token-inputs.js';
import type { StepShape } from '#training/step-shape.js';
import { readBlocks, tokenCount } from '#training/training-data.js';

const measures = [
  'loss',
  'accuracy',
  'margin',
  'rewards_chosen',
  'rewards_rejected',
  'logps_chosen',
  'logps_rejected',
] as const;

const pairPlaces = ({ batch, length }: StepShape) => batch * pairsPerBlock(length);

/** What the log-probabilities of a batch need. */
function answerSpec(shape: StepShape): ProgramSpec['data'] {
  const { lossWeights: _, ...tokens } = tokenSpec(shape);
  return { ...tokens, sequences: { shape: [lossRowCount(shape)], dtype: 'int32' } };
}

/** The log-probabilities of the answers of a batch, [2 pairs]. */
function answerLogProbs({ decoder }: LoraModel, data: ProgramInputs['data'], shape: StepShape): Tensor {
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
function negativeLogSigmoid(x: Tensor): Tensor {
  return add(maximum(neg(x), scalar(0)), log(add(scalar(1), exp(neg(abs(x))))));
}

/**
 * The measures from log-probabilities of the model and of the reference, both [2 pairs], and what each pair counts, [pairs].
 * The gradient of the first reaches `logps`.
 */
export function preferenceMeasures(logps: Tensor, reference: Tensor, weights: Tensor, beta: number): Tensor {
  const pairs = weights.size;
  const halves = (x: Tensor) => [slice(x, [0], [pairs]), slice(x, [pairs], [pairs])] as const;
  return withGradient(logps, (x) => {
    const rewards = mul(sub(x, reference), scalar(beta));
    const [chosen, rejected] = halves(rewards);
    const margin = sub(chosen, rejected);
    const of = [
      negativeLogSigmoid(margin),
      cast(greater(margin, scalar(0)), 'float32'),
      margin,
      chosen,
      rejected,
      ...halves(x),
    ];
    return {
      value: concat(of.map((each) => reshape(sum(mul(each, weights)), [1]))),
      saved: [margin, weights],
      gradient: (dy, [margin, weights]) => {
        const slope = mul(mul(sigmoid(neg(margin!)), weights!), mul(slice(dy, [0], [1]), scalar(beta)));
        return concat([neg(slope), slope]);
      },
    };
  });
}

/** The place of each target's answer, and the number of pairs in each block. */
function placesOf(batch: Batch, shape: StepShape): { sequences: Int32Array; pairs: number[] } {
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

function answerInputs(batch: Batch, shape: StepShape, sequences: Int32Array): Record<string, NumericArray> {
  const { lossWeights: _, ...tokens } = tokenInputs(batch, shape, 1);
  return { ...tokens, sequences };
}

/** The reference's log-probabilities in the order of the places. */
function referenceInput(source: BlockSource, indices: readonly number[], shape: StepShape): Float32Array {
  const [perBlock, places] = [pairsPerBlock(shape.length), pairPlaces(shape)];
  const all = new Float32Array(2 * places);
  for (const [order, index] of indices.entries()) {
    const values = source.referenceOf!(index);
    all.set(values.subarray(0, perBlock), order * perBlock);
    all.set(values.subarray(perBlock), places + order * perBlock);
  }
  return all;
}

/** Every measure but the loss is a metric. */
function metricsOf(means: Means): Record<string, number> {
  const { loss: _, ...metrics } = means;
  return metrics;
}

/** The objective with its options. */
export function dpo({ beta, reference }: Extract<Method, { type: 'dpo' }>): Objective {
  return {
    declaration: dpoDeclaration,
    graphKey: { beta },
    measures,

    dataSpec(shape) {
      const pairs = pairPlaces(shape);
      return {
        ...answerSpec(shape),
        reference: { shape: [2 * pairs], dtype: 'float32' },
        pairWeights: { shape: [pairs], dtype: 'float32' },
      };
    },

    forward: (model, data, shape) =>
      preferenceMeasures(answerLogProbs(model, data, shape), data['reference']!, data['pairWeights']!, beta),

    readBatch(source, indices, shape) {
      const batch = readBlocks(source, indices, shape.batch);
      const { sequences, pairs } = placesOf(batch, shape);
      const perBlock = pairsPerBlock(shape.length);
      return {
        count: pairs.reduce((sum, count) => sum + count, 0),
        tokens: tokenCount(batch),
        targets: batch.lossCount,
        inputs: (total) => {
          const pairWeights = new Float32Array(pairPlaces(shape));
          for (const [block, count] of pairs.entries())
            pairWeights.fill(1 / Math.max(1, total), block * perBlock, block * perBlock + count);
          return {
            ...answerInputs(batch, shape, sequences),
            reference: referenceInput(source, indices, shape),
            pairWeights,
          };
        },
      };
    },

    stepMetrics: metricsOf,
    evaluationMetrics: metricsOf,

    reference: {
      from: reference,
      valuesPerBlock: (length) => 2 * pairsPerBlock(length),
      dataSpec: answerSpec,
      forward: answerLogProbs,
      inputs(source, indices, shape) {
        const batch = readBlocks(source, indices, shape.batch);
        return answerInputs(batch, shape, placesOf(batch, shape).sequences);
      },
      valuesOf(values, order, shape) {
        const [perBlock, places] = [pairsPerBlock(shape.length), pairPlaces(shape)];
        const [start, end] = [order * perBlock, (order + 1) * perBlock];
        return Float32Array.of(
          ...values.subarray(start, end),
          ...values.subarray(places + start, places + end),
        );
      },
    },
  };
}
