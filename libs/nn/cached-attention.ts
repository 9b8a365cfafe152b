/** Attention of one new token to those before it, whose keys and values were kept. */
import {
  add,
  concat,
  div,
  matMul,
  mul,
  reshape,
  scalar,
  softmax,
  split,
  tanh,
  type Tensor,
} from '#jit/ops.js';

/** What a layer keeps of the tokens so far, room for L of them: keys with their rotary positions applied, and values. */
export interface PastTokens {
  /** [KV, L, D] */
  readonly keys: Tensor;
  /** [KV, L, D] */
  readonly values: Tensor;
}

/** How scores are made: see {@link attention}. */
export interface CachedAttentionOptions {
  readonly mask: Tensor;
  readonly scale: number;
  readonly softcap?: number;
}

/**
 * `softmax(scale * q [K; k]^T + mask) [V; v]` for every head of one token: q is [1, KV, 1, G, D], its own k and v are
 * [1, KV, 1, D], mask is [1, 1, L] and is added to the scores of the past.
 *
 * Scores are joined, not keys: the past is read once and never copied.
 */
export function cachedAttention(
  q: Tensor,
  k: Tensor,
  v: Tensor,
  { keys, values }: PastTokens,
  { mask, scale, softcap = 0 }: CachedAttentionOptions,
): Tensor {
  const [, KV, , G, D] = q.shape as [number, number, number, number, number];
  const queries = mul(reshape(q, [KV, G, D]), scalar(scale));
  const capped = (x: Tensor) => (softcap === 0 ? x : mul(tanh(div(x, scalar(softcap))), scalar(softcap)));
  const own = capped(matMul(queries, reshape(k, [KV, 1, D]), false, true));
  const past = add(capped(matMul(queries, keys, false, true)), mask);
  const P = softmax(concat([past, own], 2));
  const [toPast, toOwn] = split(P, [keys.shape[1]!, 1], 2) as [Tensor, Tensor];
  return reshape(add(matMul(toPast, values), mul(toOwn, reshape(v, [KV, 1, D]))), q.shape);
}
