/**
 * The output head and the cross entropy of the next token, in chunks of rows, so that no more than one chunk of
 * logits ever exists. Only rows with a target are looked at, and the gradient is made in the same sweep (as in
 * Liger's fused linear cross entropy, Hsu et al. 2024).
 */
import { UnsupportedError } from '#base/errors.js';
import { linear } from '#jit/ops/linear.js';
import { loop } from '#jit/ops/loop.js';
import { pickColumn } from '#jit/ops/pick-column.js';
import {
  add,
  cast,
  concat,
  div,
  equal,
  gather,
  log,
  matMul,
  max,
  mul,
  neg,
  oneHot,
  reshape,
  scalar,
  slice,
  softmax,
  square,
  sub,
  sum,
  tanh,
  type Tensor,
  withGradient,
  withGradients,
  zerosLike,
  zeros,
} from '#jit/ops.js';

/** From hidden states [rows, size] to logits [rows, vocabulary]. */
export interface LogitsHead {
  /** [vocabulary, size] */
  readonly weight: Tensor;
  /** [vocabulary] */
  readonly bias?: Tensor;
  /** Logits are softly kept between -softcap and softcap: softcap * tanh(logit / softcap). */
  readonly softcap?: number;
  /** Whether gradients reach weight and bias as well. */
  readonly isTrained?: boolean;
}

/** The logits of hidden states. */
export function headLogits(hidden: Tensor, { weight, bias, softcap }: LogitsHead): Tensor {
  const logits = linear(hidden, weight, bias);
  return softcap === undefined ? logits : mul(tanh(div(logits, scalar(softcap))), scalar(softcap));
}

/** Rows and what they should predict, for a head that is run in chunks. */
export interface TargetRows {
  /** [rows, size]: the rows that have a target, gathered; rows beyond them may hold anything. */
  readonly hidden: Tensor;
  readonly head: LogitsHead;
  /** int32 [rows]: the token each row should predict. */
  readonly targets: Tensor;
  /** int32 scalar: how many chunks hold rows with a target. */
  readonly chunks: Tensor;
  readonly chunkSize: number;
}

export interface LossHeadInputs extends TargetRows {
  /** float32 [rows]: what each row counts in the loss; 0 beyond the rows with a target. */
  readonly weights: Tensor;
}

/** Cross entropy of each row, and whether its target has the largest logit. */
function rowLosses(
  logits: Tensor,
  probabilities: Tensor,
  targets: Tensor,
): { losses: Tensor; correctRows: Tensor } {
  const best = max(logits, 1);
  const target = pickColumn(logits, targets);
  // The largest probability is exp(0) / sum, so the log of the sum comes without another pass of exponentials.
  const logSumExp = sub(best, log(max(probabilities, 1)));
  return { losses: sub(logSumExp, target), correctRows: cast(equal(target, best), 'float32') };
}

/** The gradient of the cross entropy of a chunk by its hidden states. */
function chunkGradient(
  { weight, softcap }: LogitsHead,
  chunkSize: number,
): (p: Tensor, target: Tensor, logits: Tensor) => Tensor {
  // Gradients by the hidden states of softmax(logits) minus one at the target, through the product, and a soft cap.
  if (softcap === undefined) return (p, target) => sub(matMul(p, weight), gather(weight, target));
  return (p, target, logits) => {
    const slope = sub(scalar(1), square(div(logits, scalar(softcap))));
    const own = reshape(pickColumn(slope, target), [chunkSize, 1]);
    return sub(matMul(mul(p, slope), weight), mul(gather(weight, target), own));
  };
}

/** Slice number `i` of rows that are cut into chunks. */
function chunkOf(x: Tensor, i: Tensor, chunkSize: number): Tensor {
  const [rows, ...tail] = x.shape as [number, ...number[]];
  return gather(reshape(x, [rows / chunkSize, chunkSize, ...tail]), i);
}

/**
 * The float32 pair [weighted sum of cross entropies, weighted number of rows whose most likely token is the target].
 *
 * The gradient of the first entry reaches `hidden`, and the head where that is trained. rows must be a multiple of
 * chunkSize.
 */
export function lossHead(inputs: LossHeadInputs): Tensor {
  if (inputs.head.isTrained) return trainedHead(inputs);
  const { hidden, head, targets, weights, chunks, chunkSize } = inputs;
  const [rows, size] = hidden.shape as [number, number];
  const most = rows / chunkSize;
  const gradientOf = chunkGradient(head, chunkSize);
  return withGradient(hidden, (h) => {
    const result = loop(chunks, most, [scalar(0), scalar(0)], (i, [loss, correct]) => {
      const [x, target, w] = [
        chunkOf(h, i, chunkSize),
        chunkOf(targets, i, chunkSize),
        chunkOf(weights, i, chunkSize),
      ];
      const logits = headLogits(x, head);
      const p = softmax(logits);
      const { losses, correctRows } = rowLosses(logits, p, target);
      const dx = gradientOf(p, target, logits);
      return {
        carried: [add(loss!, sum(mul(losses, w))), add(correct!, sum(mul(correctRows, w)))],
        stacked: [mul(dx, reshape(w, [chunkSize, 1]))],
      };
    });
    const [loss, correct] = result.carried as [Tensor, Tensor];
    return {
      value: concat([reshape(loss, [1]), reshape(correct, [1])]),
      saved: [reshape(result.stacked[0]!, [rows, size])],
      gradient: (dy, [dHidden]) => mul(dHidden!, slice(dy, [0], [1])),
    };
  });
}

/** {@link lossHead} with gradients of the head, which the chunks add up. */
function trainedHead({ hidden, head, targets, weights, chunks, chunkSize }: LossHeadInputs): Tensor {
  const { softcap } = head;
  const [rows, size] = hidden.shape as [number, number];
  const [vocabulary] = head.weight.shape as [number];
  const trained = [hidden, head.weight, ...(head.bias ? [head.bias] : [])];
  return withGradients(trained, ([h, weight, bias]) => {
    const own: LogitsHead = { ...head, weight: weight!, ...(bias ? { bias } : {}) };
    const start = [scalar(0), scalar(0), zerosLike(weight!), ...(bias ? [zerosLike(bias)] : [])];
    const result = loop(chunks, rows / chunkSize, start, (i, [loss, correct, dWeight, dBias]) => {
      const [x, target, w] = [
        chunkOf(h!, i, chunkSize),
        chunkOf(targets, i, chunkSize),
        chunkOf(weights, i, chunkSize),
      ];
      const logits = headLogits(x, own);
      const p = softmax(logits);
      const { losses, correctRows } = rowLosses(logits, p, target);
      const error = mul(sub(p, cast(oneHot(target, vocabulary), 'float32')), reshape(w, [chunkSize, 1]));
      const slope = softcap === undefined ? undefined : sub(scalar(1), square(div(logits, scalar(softcap))));
      const dLogits = slope ? mul(error, slope) : error;
      return {
        carried: [
          add(loss!, sum(mul(losses, w))),
          add(correct!, sum(mul(correctRows, w))),
          add(dWeight!, matMul(dLogits, x, true, false)),
          ...(dBias ? [add(dBias, sum(dLogits, 0))] : []),
        ],
        stacked: [matMul(dLogits, weight!)],
      };
    });
    const [loss, correct, ...dHead] = result.carried as [Tensor, Tensor, ...Tensor[]];
    return {
      value: concat([reshape(loss, [1]), reshape(correct, [1])]),
      saved: [reshape(result.stacked[0]!, [rows, size]), ...dHead],
      gradients: (dy, saved) => saved.map((gradient) => mul(gradient, slice(dy, [0], [1]))),
    };
  });
}

export interface SequenceRows extends TargetRows {
  /** int32 [rows]: the sequence that each row belongs to, and `count` for rows beyond those with a target. */
  readonly sequences: Tensor;
  /** How many sequences there may be. */
  readonly count: number;
}

/**
 * The log-probability of each sequence, float32 [count]: the sum of those of its targets, 0 for a sequence without any.
 *
 * The gradient reaches `hidden`; the head's weight is frozen. rows must be a multiple of chunkSize.
 */
export function sequenceLogProbs({
  hidden,
  head,
  targets,
  chunks,
  chunkSize,
  sequences,
  count,
}: SequenceRows): Tensor {
  if (head.isTrained) {
    throw new UnsupportedError(
      'the head is not trained by log-probabilities of whole answers: leave it out of modules_to_save',
    );
  }
  const [rows, size] = hidden.shape as [number, number];
  const most = rows / chunkSize;
  const gradientOf = chunkGradient(head, chunkSize);
  return withGradient(hidden, (h) => {
    const result = loop(chunks, most, [zeros([1, count])], (i, [sums]) => {
      const [x, target] = [chunkOf(h, i, chunkSize), chunkOf(targets, i, chunkSize)];
      const logits = headLogits(x, head);
      const p = softmax(logits);
      const { losses } = rowLosses(logits, p, target);
      // A row of no sequence has no column, so that whatever it holds is left out.
      const owned = cast(oneHot(chunkOf(sequences, i, chunkSize), count + 1), 'float32');
      const columns = slice(owned, [0, 0], [chunkSize, count]);
      return {
        carried: [sub(sums!, matMul(reshape(losses, [1, chunkSize]), columns))],
        stacked: [gradientOf(p, target, logits)],
      };
    });
    return {
      value: reshape(result.carried[0]!, [count]),
      saved: [reshape(result.stacked[0]!, [rows, size]), sequences],
      gradient: (dy, [dHidden, owner]) => {
        const ofRow = gather(concat([neg(dy), zeros([1])]), owner!);
        return mul(dHidden!, reshape(ofRow, [rows, 1]));
      },
    };
  });
}

/**
 * The pair of `lossHead` from logits [rows, vocabulary] that exist in full, for heads that are trained too and for
 * vocabularies small enough: the gradient reaches the logits.
 */
export function crossEntropy(logits: Tensor, targets: Tensor, weights: Tensor): Tensor {
  const [rows, vocabulary] = logits.shape as [number, number];
  return withGradient(logits, (x) => {
    const p = softmax(x);
    const { losses, correctRows } = rowLosses(x, p, targets);
    const total = (each: Tensor) => reshape(sum(mul(each, weights)), [1]);
    return {
      value: concat([total(losses), total(correctRows)]),
      saved: [p, targets, weights],
      gradient: (dy, [p, targets, weights]) => {
        const target = cast(oneHot(targets!, vocabulary), 'float32');
        return mul(mul(sub(p!, target), reshape(weights!, [rows, 1])), slice(dy, [0], [1]));
      },
    };
  });
}
