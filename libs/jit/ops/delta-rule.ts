/**
 * The gated delta rule (Yang, Kautz and Hatamizadeh 2024, arXiv 2412.06464): every head keeps a matrix S that maps keys
 * to values. A token lets it fade, corrects what it holds under the token's key, and reads it by the token's query:
 *
 *     S' = exp(g) S,   S = S' + k (beta (v - S'^T k))^T,   o = S^T q
 */
import { loop } from '#jit/ops/loop.js';
import { unitLowerInverse } from '#jit/ops/unit-lower-inverse.js';
import {
  add,
  exp,
  gather,
  matMul,
  mul,
  neg,
  reshape,
  scalar,
  slice,
  sub,
  sum,
  type Tensor,
  tensor,
  tile,
  withGradients,
  zeros,
} from '#jit/ops.js';

/** One chunk of C tokens after another: X = chunks * batch, chunk by chunk; G heads of values share a head of keys. */
export interface DeltaChunks {
  /** [X, K, C, Dk] */
  readonly q: Tensor;
  /** [X, K, C, Dk] */
  readonly k: Tensor;
  /** [X, K, G, C, Dv] */
  readonly v: Tensor;
  /** [X, K, G, C]: the logarithm of what is left of S, at most 0. */
  readonly g: Tensor;
  /** [X, K, G, C]: how much of what S held is replaced. */
  readonly beta: Tensor;
}

/** Which tokens are of one example, by chunks; what an example wrote the next one never reads. */
export interface ChunkMasks {
  readonly chunks: number;
  /** [X, 1, 1, C, C]: added to logarithms, 0 for the tokens up to a token in its own example, else far below 0. */
  readonly within: Tensor;
  /** [X, 1, 1, C]: 1 where a token's example goes on from the chunk before. */
  readonly fromBefore: Tensor;
  /** [X, 1, 1, C]: 1 where a token's example is that of the chunk's last token. */
  readonly toEnd: Tensor;
}

/** What goes from chunk to chunk, R = batch * heads rows in every chunk. */
interface Chain {
  /** [N, R, C, Dv]: what a chunk would write if S were empty. */
  readonly U: Tensor;
  /** [N, R, C, Dk]: what it takes back of what S holds. */
  readonly W: Tensor;
  /** [N, R, C, Dk]: keys, as far as they have not faded at the chunk's end. */
  readonly K: Tensor;
  /** [N, R, 1, 1]: what the chunk leaves of S. */
  readonly left: Tensor;
}

/** S before every chunk [N, R, Dk, Dv], what every chunk writes [N, R, C, Dv], and S after the last [R, Dk, Dv]. */
interface Written {
  readonly states: Tensor;
  readonly values: Tensor;
  readonly last: Tensor;
}

const wholeNumber = (n: number) => scalar(n, 'int32');

/** V = U - W S and S <- left S + K^T V, chunk after chunk. */
function write({ U, W, K, left }: Chain): Written {
  const [N, R, , Dv] = U.shape as [number, number, number, number];
  const { carried, stacked } = loop(wholeNumber(N), N, [zeros([R, W.shape[3]!, Dv])], (n, [S]) => {
    const V = sub(gather(U, n), matMul(gather(W, n), S!));
    const next = add(mul(S!, gather(left, n)), matMul(gather(K, n), V, true, false));
    return { carried: [next], stacked: [S!, V] };
  });
  return { states: stacked[0]!, values: stacked[1]!, last: carried[0]! };
}

/**
 * The way back: dU, and the gradient of S after every chunk, from the gradients dS of S before every chunk and dV of what
 * chunks write.
 */
function writeBack({ W, K, left }: Omit<Chain, 'U'>, dS: Tensor, dV: Tensor): { dU: Tensor; dNext: Tensor } {
  const [N, R, , Dk] = W.shape as [number, number, number, number];
  const { stacked } = loop(wholeNumber(N), N, [zeros([R, Dk, dV.shape[3]!])], (round, [dNext]) => {
    const n = sub(wholeNumber(N - 1), round);
    const dU = add(gather(dV, n), matMul(gather(K, n), dNext!));
    const faded = mul(dNext!, gather(left, n));
    const before = sub(add(gather(dS, n), faded), matMul(gather(W, n), dU, true, false));
    return { carried: [before], stacked: [dU, dNext!] };
  });
  const backwards = tensor(Int32Array.from({ length: N }, (_, i) => N - 1 - i));
  const [dU, dNext] = stacked.map((x) => gather(x, backwards)) as [Tensor, Tensor];
  return { dU, dNext };
}

/** What queries Q find in S before their chunk, and by scores P in what their own chunk wrote: Q S + P V. */
const read = (Q: Tensor, P: Tensor, { states, values }: Written) => add(matMul(Q, states), matMul(P, values));

/** The same with its gradients; S is made once and kept for the way back. */
function writeAndRead(chain: Chain, Q: Tensor, P: Tensor): Tensor {
  const { U, W, K, left } = chain;
  return withGradients([U, W, K, left, Q, P], ([U, W, K, left, Q, P]) => {
    const written = write({ U: U!, W: W!, K: K!, left: left! });
    return {
      value: read(Q!, P!, written),
      saved: [W!, K!, left!, Q!, P!, written.states, written.values],
      gradients: (dO, saved) => {
        const [W, K, left, Q, P, S, V] = saved as [Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor];
        const fromReading = { dS: matMul(Q, dO, true, false), dV: matMul(P, dO, true, false) };
        const { dU, dNext } = writeBack({ W, K, left }, fromReading.dS, fromReading.dV);
        return [
          dU,
          neg(matMul(dU, S, false, true)),
          matMul(V, dNext, false, true),
          sum(mul(dNext, S), [2, 3], true),
          matMul(dO, S, false, true),
          matMul(dO, V, false, true),
        ];
      },
    };
  });
}

/**
 * What queries read, [X, K, G, C, Dv]; with `keep` that is given S after the last chunk [batch * K * G, Dk, Dv], and no
 * gradient. C is a power of two.
 *
 * In a chunk the corrections are a triangular system (section 3.3 of the paper): time and memory are linear in the
 * number of chunks.
 */
export function gatedDeltaRule(
  { q, k, v, g, beta }: DeltaChunks,
  { chunks: N, within, fromBefore, toEnd }: ChunkMasks,
  keep?: (last: Tensor) => void,
): Tensor {
  const [X, heads, G, C, Dv] = v.shape as [number, number, number, number, number];
  const Dk = q.shape[3]!;
  const rows = X * heads * G;
  const perColumn = (x: Tensor) => reshape(x, [X, heads, G, 1, C]);
  const perRow = (x: Tensor) => reshape(x, [X, heads, G, C, 1]);
  const shared = (x: Tensor, width: number) => reshape(x, [X, heads, 1, C, width]);
  const inTurn = (x: Tensor, ...tail: number[]) => reshape(x, [N, rows / N, ...tail]);
  const upTo = tensor(
    Float32Array.from({ length: C * C }, (_, i) => Number(Math.floor(i / C) <= i % C)),
    [C, C],
  );

  const total = reshape(matMul(reshape(g, [rows, C]), upTo), g.shape);
  const end = slice(total, [0, 0, 0, C - 1], [X, heads, G, 1]);
  // Sums of what lies between two tokens: differences of totals would lose digits where much has faded.
  const terms = mul(perColumn(g), lower(C, 0));
  const between = reshape(matMul(reshape(terms, [rows * C, C]), lower(C, 1)), [X, heads, G, C, C]);
  const fading = exp(add(between, within));
  const start = mul(exp(total), fromBefore);
  const left = slice(start, [0, 0, 0, C - 1], [X, heads, G, 1]);

  const likeness = mul(shared(matMul(k, k, false, true), C), mul(fading, perRow(beta)));
  const T = unitLowerInverse(reshape(likeness, [rows, C, C]));
  const weighted = mul(reshape(T, [X, heads, G, C, C]), perColumn(beta));
  const U = matMul(reshape(weighted, [rows, C, C]), reshape(v, [rows, C, Dv]));
  const taken = reshape(mul(weighted, perColumn(start)), [X * heads, G * C, C]);
  const W = matMul(taken, reshape(k, [X * heads, C, Dk]));

  const chain: Chain = {
    U: inTurn(U, C, Dv),
    W: inTurn(W, C, Dk),
    K: inTurn(mul(shared(k, Dk), perRow(mul(exp(sub(end, total)), toEnd))), C, Dk),
    left: inTurn(left, 1, 1),
  };
  const Q = inTurn(mul(shared(q, Dk), perRow(start)), C, Dk);
  const P = inTurn(mul(shared(matMul(q, k, false, true), C), fading), C, C);
  if (!keep) return reshape(writeAndRead(chain, Q, P), v.shape);
  const written = write(chain);
  keep(written.last);
  return reshape(read(Q, P, written), v.shape);
}

/** f32 [size, size]: 1 where the row is at least `by` below the diagonal, else 0. */
function lower(size: number, by: number): Tensor {
  const entries = Float32Array.from({ length: size * size }, (_, i) =>
    Number(Math.floor(i / size) >= (i % size) + by),
  );
  return tensor(entries, [size, size]);
}

/** One token's place in the rule: q and k [K, Dk], v [K, G, Dv], g and beta [K, G]. */
export type DeltaToken = DeltaChunks;

/** One token after those that left S [K * G, Dk, Dv]: what its query reads [K, G, Dv], and the next S. */
export function deltaRuleStep({ q, k, v, g, beta }: DeltaToken, S: Tensor): { found: Tensor; next: Tensor } {
  const [heads, G, Dv] = v.shape as [number, number, number];
  const [rows, Dk] = [heads * G, q.shape[1]!];
  const repeated = (x: Tensor) => reshape(tile(reshape(x, [heads, 1, Dk]), [1, G, 1]), [rows, 1, Dk]);
  const K = repeated(k);
  const faded = mul(S, reshape(exp(g), [rows, 1, 1]));
  const correction = mul(sub(reshape(v, [rows, 1, Dv]), matMul(K, faded)), reshape(beta, [rows, 1, 1]));
  const next = add(faded, matMul(K, correction, true, false));
  return { found: reshape(matMul(repeated(q), next), v.shape), next };
}
