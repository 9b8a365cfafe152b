/** Who may look at whom: in a batch of packed blocks, and a new token at those before it. */
import type { ChunkMasks } from '#jit/ops/delta-rule.js';
import {
  cast,
  concat,
  equal,
  greaterEqual,
  less,
  lessEqual,
  logicalAnd,
  logicalNot,
  mul,
  reshape,
  scalar,
  slice,
  sub,
  type Tensor,
  tensor,
  tile,
  transpose,
  zeros,
} from '#jit/ops.js';

/** Added to a score that must not count: far below any score, far above the smallest float32. */
const hidden = -1e30;

/**
 * The additive mask [B, L, L]: a token sees itself and those before it in its own segment, with a sliding window at
 * most the last `window` of them.
 *
 * `segments` is int32 [B, L]; tokens of one example share a number.
 */
export function attentionMask(segments: Tensor, window: number | null): Tensor {
  const [B, L] = segments.shape as [number, number];
  const index = tensor(Int32Array.from({ length: L }, (_, i) => i));
  const query = reshape(index, [1, L, 1]);
  const key = reshape(index, [1, 1, L]);
  const sameSegment = equal(reshape(segments, [B, L, 1]), reshape(segments, [B, 1, L]));
  const past = logicalAnd(sameSegment, lessEqual(key, query));
  const near = window === null ? past : logicalAnd(past, less(sub(query, key), scalar(window, 'int32')));
  return additive(near);
}

/** The additive mask [B, L, L] without an order: a token sees all of its own segment, those behind it too. */
export function segmentMask(segments: Tensor): Tensor {
  const [B, L] = segments.shape as [number, number];
  return additive(equal(reshape(segments, [B, L, 1]), reshape(segments, [B, 1, L])));
}

/** Whether the token `back` positions before is of the same example, f32 [B, L, 1]. */
export function sameExampleMask(segments: Tensor, back: number): Tensor {
  const [B, L] = segments.shape as [number, number];
  const earlier = concat([zeros([B, back], 'int32'), slice(segments, [0, 0], [B, L - back])], 1);
  const index = reshape(tensor(Int32Array.from({ length: L }, (_, i) => i)), [1, L]);
  const isThere = greaterEqual(index, scalar(back, 'int32'));
  return reshape(cast(logicalAnd(isThere, equal(earlier, segments)), 'float32'), [B, L, 1]);
}

/** Which tokens of chunks of C tokens see each other; what fills the last chunk up goes on with the block's last example. */
export function chunkMasks(segments: Tensor, C: number): ChunkMasks {
  const [B, L] = segments.shape as [number, number];
  const N = Math.ceil(L / C);
  const [X, missing] = [N * B, N * C - L];
  const more = missing > 0 ? [tile(slice(segments, [0, L - 1], [B, 1]), [1, missing])] : [];
  const whole = missing > 0 ? concat([segments, ...more], 1) : segments;
  // [N, B, C]
  const chunks = transpose(reshape(whole, [B, N, C]), [1, 0, 2]);
  const ends = slice(chunks, [0, 0, C - 1], [N, B, 1]);
  const isSame = (a: Tensor, b: Tensor) => cast(equal(a, b), 'float32');
  const index = tensor(Int32Array.from({ length: C }, (_, i) => i));
  const isBefore = lessEqual(reshape(index, [1, C]), reshape(index, [C, 1]));
  const sameExample = equal(reshape(chunks, [X, C, 1]), reshape(chunks, [X, 1, C]));
  const later =
    N > 1 ? [isSame(slice(chunks, [1, 0, 0], [N - 1, B, C]), slice(ends, [0, 0, 0], [N - 1, B, 1]))] : [];
  return {
    chunks: N,
    within: reshape(additive(logicalAnd(sameExample, isBefore)), [X, 1, 1, C, C]),
    fromBefore: reshape(concat([zeros([1, B, C]), ...later], 0), [X, 1, 1, C]),
    toEnd: reshape(isSame(chunks, ends), [X, 1, 1, C]),
  };
}

/**
 * The additive mask [1, 1, L] of a token at `position` int32 [1] over a cache with room for L tokens: it sees those
 * before it, with a sliding window at most the last `window` with itself.
 */
export function cacheMask(position: Tensor, L: number, window: number | null): Tensor {
  const key = tensor(
    Int32Array.from({ length: L }, (_, i) => i),
    [1, 1, L],
  );
  const query = reshape(position, [1, 1, 1]);
  const past = less(key, query);
  const near = window === null ? past : logicalAnd(past, less(sub(query, key), scalar(window, 'int32')));
  return additive(near);
}

function additive(visible: Tensor): Tensor {
  return mul(cast(logicalNot(visible), 'float32'), scalar(hidden));
}
