/**
 * Scaled dot-product attention with grouped queries. It saves queries, keys, values and its result; the
 * probabilities are computed again in the backward pass (as in FlashAttention, Dao et al. 2022).
 */
import { callKernel, defineKernel } from '#jit/kernel.js';
import {
  add,
  div,
  matMul,
  mul,
  reshape,
  scalar,
  softmax,
  square,
  sub,
  sum,
  tanh,
  type Tensor,
} from '#jit/ops.js';

export type AttentionAttributes = {
  readonly scale: number;
  /** Scores are softly kept between -softcap and softcap: softcap * tanh(score / softcap); 0 = as they are. */
  readonly softcap: number;
  /** Whether a query may see keys behind it; left out = none of them counts. */
  readonly bidirectional?: boolean;
  /**
   * Whether gradients of scores sum to nothing over the keys to the last bits, at the price of two more passes over them.
   * What is added to all keys alike changes little else, and its gradient is what such sums leave.
   */
  readonly exactSums?: boolean;
};

/** Queries of one key head as the rows of one matrix: [B, KV, L, G, D] to [B, KV, L * G, D]. */
function joinGroups(q: Tensor): Tensor {
  const [B, KV, L, G, D] = q.shape as [number, number, number, number, number];
  return reshape(q, [B, KV, L * G, D]);
}

/** Scaled scores [B, KV, L * G, L]; with a soft cap their tanh, from -1 to 1. */
function rawScores(q: Tensor, k: Tensor, { scale, softcap }: AttentionAttributes): Tensor {
  const scores = mul(matMul(joinGroups(q), k, false, true), scale);
  return softcap === 0 ? scores : tanh(div(scores, scalar(softcap)));
}

function probabilities(q: Tensor, scores: Tensor, mask: Tensor, { softcap }: AttentionAttributes): Tensor {
  const [B, KV, L, G] = q.shape as [number, number, number, number];
  const capped = softcap === 0 ? scores : mul(scores, scalar(softcap));
  const masked = add(reshape(capped, [B, KV, L, G, L]), reshape(mask, [B, 1, L, 1, L]));
  return reshape(softmax(masked), [B, KV, L * G, L]);
}

export const attentionGradientKernel = defineKernel<AttentionAttributes>({
  name: 'AttentionGradient',
  inputs: ['q', 'k', 'v', 'mask', 'output', 'dy'],
  infer: ([q, k, v]) => [q!, k!, v!],
  eager: ([q, k, v, mask, output, dy], attributes) => {
    const { scale, softcap, exactSums } = attributes;
    const scores = rawScores(q!, k!, attributes);
    const P = probabilities(q!, scores, mask!, attributes);
    const dO = joinGroups(dy!);
    const dP = matMul(dO, v!, false, true);
    const dot = sum(exactSums ? mul(P, dP) : mul(dO, joinGroups(output!)), -1, true);
    const dCapped = mul(P, sub(dP, dot));
    const dScores = softcap === 0 ? dCapped : mul(dCapped, sub(scalar(1), square(scores)));
    const dS = mul(dScores, scale);
    return [
      reshape(matMul(dS, k!), q!.shape),
      matMul(dS, joinGroups(q!), true, false),
      matMul(P, dO, true, false),
    ];
  },
});

export const attentionKernel = defineKernel<AttentionAttributes>({
  name: 'Attention',
  inputs: ['q', 'k', 'v', 'mask'],
  infer: ([q]) => [q!],
  eager: ([q, k, v, mask], attributes) => {
    const P = probabilities(q!, rawScores(q!, k!, attributes), mask!, attributes);
    return [reshape(matMul(P, v!), q!.shape)];
  },
  gradient: {
    saveInputs: ['q', 'k', 'v', 'mask'],
    saveOutputs: [true],
    backward: ([dy], [q, k, v, mask, output], attributes) => {
      const gradients = callKernel(attentionGradientKernel, [q!, k!, v!, mask!, output!, dy!], attributes);
      return { q: () => gradients[0]!, k: () => gradients[1]!, v: () => gradients[2]! };
    },
  },
});

/**
 * `softmax(scale * q k^T + mask) v` for every head, the scores softly capped first where that is asked for (Gemma 2).
 *
 * q is [B, KV, L, G, D] (G query heads share a key head), k and v are [B, KV, L, D], mask is [B, L, L] and is added
 * to the scores: 0 where a query (row) may see a key (column), a large negative number elsewhere. Unless `bidirectional`
 * is given the mask must be causal: positions after a query's own are never looked at.
 */
export function attention(
  q: Tensor,
  k: Tensor,
  v: Tensor,
  mask: Tensor,
  options: Partial<AttentionAttributes> & Pick<AttentionAttributes, 'scale'>,
): Tensor {
  const { scale, softcap = 0, bidirectional = false, exactSums = false } = options;
  const attributes = {
    scale,
    softcap,
    ...(bidirectional ? { bidirectional } : {}),
    ...(exactSums ? { exactSums } : {}),
  };
  return callKernel(attentionKernel, [q, k, v, mask], attributes)[0]!;
}
