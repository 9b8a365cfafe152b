/**
 * Odds ratio preference optimisation (Hong et al. 2024): of each pair of answers to one prompt,
 * -log p(chosen) - beta log sigmoid(log odds(chosen) - log odds(rejected)), where p is the geometric mean of the
 * probabilities of an answer's tokens, and odds(y) = p(y) / (1 - p(y)). There is no reference.
 */
import type { Batch } from '#data/batch.js';
import {
  add,
  cast,
  concat,
  div,
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
import { orpoDeclaration } from '#training/objectives/declared/orpo.js';
import type { Method } from '#training/objectives/declared/registry.js';
import type { Objective } from '#training/objectives/objective.js';
import type { StepShape } from '#training/step-shape.js';

const measures = [
  'loss',
  'accuracy',
  'nll',
  'log_odds',
  'token_logps_chosen',
  'token_logps_rejected',
] as const;

/** An answer that is all but certain has odds without a bound. */
const minDoubt = 1e-7;

/**
 * The measures from log-probabilities of answers, the tokens of each, both [2 pairs], and what each pair counts, [pairs].
 * The gradient of the first reaches `logps`.
 */
export function oddsRatioMeasures(logps: Tensor, lengths: Tensor, weights: Tensor, beta: number): Tensor {
  const pairs = weights.size;
  const halves = (x: Tensor) => [slice(x, [0], [pairs]), slice(x, [pairs], [pairs])] as const;
  return withGradient(logps, (x) => {
    const means = div(x, lengths);
    const doubt = maximum(sub(scalar(1), exp(means)), scalar(minDoubt));
    const [chosen, rejected] = halves(means);
    const [oddsChosen, oddsRejected] = halves(sub(means, log(doubt)));
    const margin = sub(oddsChosen, oddsRejected);
    const of = [
      add(neg(chosen), mul(negativeLogSigmoid(margin), scalar(beta))),
      cast(greater(chosen, rejected), 'float32'),
      neg(chosen),
      margin,
      chosen,
      rejected,
    ];
    return {
      value: concat(of.map((each) => reshape(sum(mul(each, weights)), [1]))),
      saved: [margin, doubt, lengths, weights],
      gradient: (dy, [margin, doubt, lengths, weights]) => {
        const counted = mul(weights!, slice(dy, [0], [1]));
        const slope = mul(mul(sigmoid(neg(margin!)), counted), scalar(beta));
        const ofOdds = div(concat([neg(slope), slope]), doubt!);
        const ofLikelihood = concat([neg(counted), mul(counted, scalar(0))]);
        return div(add(ofOdds, ofLikelihood), lengths!);
      },
    };
  });
}

/** The tokens of the answer at each place; 1 where there is none. */
function answerLengths(batch: Batch, sequences: Int32Array, shape: StepShape): Float32Array {
  const counts = new Float32Array(2 * pairPlaces(shape));
  for (let i = 0; i < batch.lossCount; i++) counts[sequences[i]!]!++;
  return counts.map((count) => Math.max(1, count));
}

/** The objective with its options. */
export function orpo({ beta }: Extract<Method, { type: 'orpo' }>): Objective {
  return {
    declaration: orpoDeclaration,
    graphKey: { beta },
    measures,

    dataSpec(shape) {
      const pairs = pairPlaces(shape);
      return {
        ...answerSpec(shape),
        answerLengths: { shape: [2 * pairs], dtype: 'float32' },
        pairWeights: { shape: [pairs], dtype: 'float32' },
      };
    },

    forward: (model, data, shape) =>
      oddsRatioMeasures(
        answerLogProbs(model, data, shape),
        data['answerLengths']!,
        data['pairWeights']!,
        beta,
      ),

    readBatch(source, indices, shape) {
      const { batch, sequences, pairs, counts } = readPairs(source, indices, shape);
      return {
        ...counts,
        inputs: (total) => ({
          ...answerInputs(batch, shape, sequences),
          answerLengths: answerLengths(batch, sequences, shape),
          pairWeights: pairWeightsOf(pairs, total, shape),
        }),
      };
    },

    stepMetrics: metricsOf,
    evaluationMetrics: metricsOf,
  };
}
