/**
 * Direct preference optimisation (Rafailov et al. 2023): of each pair of answers to one prompt,
 * -log sigmoid(beta ((log p(chosen) - log q(chosen)) - (log p(rejected) - log q(rejected)))), where q is the reference,
 * whose log-probabilities are computed once before the first step.
 *
 * A block holds whole pairs: the chosen answer with its prompt is a segment, and the rejected one is the next. A batch has
 * places for `pairs` of them; the places of its chosen answers come first, then those of the rejected ones.
 */
import {
  cast,
  concat,
  greater,
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
import {
  answerInputs,
  answerLogProbs,
  answerSpec,
  metricsOf,
  negativeLogSigmoid,
  pairPlaces,
  pairWeightsOf,
  readPairs,
} from '#training/objectives/answer-pairs.js';
import { pairsPerBlock } from '#training/objectives/declared/answer-pairs.js';
import { dpoDeclaration } from '#training/objectives/declared/dpo.js';
import type { Method } from '#training/objectives/declared/registry.js';
import type { BlockSource, Objective } from '#training/objectives/objective.js';
import type { StepShape } from '#training/step-shape.js';

const measures = [
  'loss',
  'accuracy',
  'margin',
  'rewards_chosen',
  'rewards_rejected',
  'logps_chosen',
  'logps_rejected',
] as const;

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
      const { batch, sequences, pairs, counts } = readPairs(source, indices, shape);
      return {
        ...counts,
        inputs: (total) => ({
          ...answerInputs(batch, shape, sequences),
          reference: referenceInput(source, indices, shape),
          pairWeights: pairWeightsOf(pairs, total, shape),
        }),
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
        const { batch, sequences } = readPairs(source, indices, shape);
        return answerInputs(batch, shape, sequences);
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
