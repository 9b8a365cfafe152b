/**
 * Scaled dot-product attention with grouped queries. It saves queries, keys, values and its result; the
 * probabilities are computed again in the backward pass (as in FlashAttention, Dao et al. 2022).
 */
import { callKernel, defineKernel } from '#jit/kernel.js';
import { add, matMul, mul, reshape, softmax, sub, sum, type Tensor } from '#jit/ops.js';

export type AttentionAttributes = {
  readonly scale: number;
};

/** Queries of one key head as the rows of one matrix: [B, KV, L, G, D] to [B, KV, L * G, D]. */
function joinGroups(q: Tensor): Tensor {
  const [B, KV, L, G, D] = q.shape as [number, number, number, number, number];
  return reshape(q, [B, KV, L * G, D]);
}

function probabilities(q: Tensor, k: Tensor, mask: Tensor, scale: number): Tensor {
  const [B, KV, L, G] = q.shape as [number, number, number, number];
  const scores = mul(matMul(joinGroups(q), k, false, true), scale);
  const masked = add(reshape(scores, [B, KV, L, G, L]), reshape(mask, [B, 1, L, 1, L]));
  return reshape(softmax(masked), [B, KV, L * G, L]);
}

export const attentionGradientKernel = defineKernel<AttentionAttributes>({
  name: 'AttentionGradient',
  inputs: ['q', 'k', 'v', 'mask', 'output', 'dy'],
  infer: ([q, k, v]) => [q!, k!, v!],
  eager: ([q, k, v, mask, output, dy], { scale }) => {
    const P = probabilities(q!, k!, mask!, scale);
    const dO = joinGroups(dy!);
    const dP = matMul(dO, v!, false, true);
    const dS = mul(mul(P, sub(dP, sum(mul(dO, joinGroups(output!)), -1, true))), scale);
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
  eager: ([q, k, v, mask], { scale }) => [reshape(matMul(probabilities(q!, k!, mask!, scale), v!), q!.shape)],
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
 * `softmax(scale * q k^T + mask) v` for every head.
 *
 * q is [B, KV, L, G, D] (G query heads share a key head), k and v are [B, KV, L, D], mask is [B, L, L] and is added
 * to the scores: 0 where a query (row) may see a key (column), a large negative number elsewhere. The mask must be
 * causal: positions after a query's own are never looked at.
 */
export function attention(
  q: Tensor,
  k: Tensor,
  v: Tensor,
  mask: Tensor,
  attributes: AttentionAttributes,
): Tensor {
  return callKernel(attentionKernel, [q, k, v, mask], attributes)[0]!;
}
