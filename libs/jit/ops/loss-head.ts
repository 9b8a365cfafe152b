/**
 * The output head and the cross entropy of the next token, in chunks of rows, so that no more than one chunk of
 * logits ever exists. Only rows with a target are looked at, and the gradient is made in the same sweep (as in
 * Liger's fused linear cross entropy, Hsu et al. 2024).
 */
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
} from '#jit/ops.js';

/** From hidden states [rows, size] to logits [rows, vocabulary]. */
export interface LogitsHead {
  /** [vocabulary, size] */
  readonly weight: Tensor;
  /** [vocabulary] */
  readonly bias?: Tensor;
  /** Logits are softly kept between -softcap and softcap: softcap * tanh(logit / softcap). */
  readonly softcap?: number;
}

/** The logits of hidden states. */
export function headLogits(hidden: Tensor, { weight, bias, softcap }: LogitsHead): Tensor {
  const logits = linear(hidden, weight, bias);
  return softcap === undefined ? logits : mul(tanh(div(logits, scalar(softcap))), scalar(softcap));
}

export interface LossHeadInputs {
  /** [rows, size]: the rows that have a target, gathered; rows beyond them may hold anything. */
  readonly hidden: Tensor;
  readonly head: LogitsHead;
  /** int32 [rows]: the token each row should predict. */
  readonly targets: Tensor;
  /** float32 [rows]: what each row counts in the loss; 0 beyond the rows with a target. */
  readonly weights: Tensor;
  /** int32 scalar: how many chunks hold rows with a target. */
  readonly chunks: Tensor;
  readonly chunkSize: number;
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

/**
 * The float32 pair [weighted sum of cross entropies, weighted number of rows whose most likely token is the target].
 *
 * The gradient of the first entry reaches `hidden`; the head's weight is frozen. rows must be a multiple of
 * chunkSize.
 */
export function lossHead({ hidden, head, targets, weights, chunks, chunkSize }: LossHeadInputs): Tensor {
  const { weight, softcap } = head;
  const [rows, size] = hidden.shape as [number, number];
  const most = rows / chunkSize;
  // Gradients by the hidden states of softmax(logits) minus one at the target, through the product, and a soft cap.
  const straight = (p: Tensor, target: Tensor) => sub(matMul(p, weight), gather(weight, target));
  const bent = (p: Tensor, target: Tensor, logits: Tensor, softcap: number) => {
    const slope = sub(scalar(1), square(div(logits, scalar(softcap))));
    const own = reshape(pickColumn(slope, target), [chunkSize, 1]);
    return sub(matMul(mul(p, slope), weight), mul(gather(weight, target), own));
  };
  const chunk = (x: Tensor, i: Tensor, tail: number[]) => gather(reshape(x, [most, chunkSize, ...tail]), i);
  return withGradient(hidden, (h) => {
    const result = loop(chunks, most, [scalar(0), scalar(0)], (i, [loss, correct]) => {
      const [x, target, w] = [chunk(h, i, [size]), chunk(targets, i, []), chunk(weights, i, [])];
      const logits = headLogits(x, head);
      const p = softmax(logits);
      const { losses, correctRows } = rowLosses(logits, p, target);
      const dx = softcap === undefined ? straight(p, target) : bent(p, target, logits, softcap);
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

/**
 * The same pair from logits [rows, vocabulary] that exist in full, for heads that are trained too and for
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
