import '@tensorflow/tfjs-backend-cpu';
import { beforeAll, expect, test } from 'vitest';
import { deltaRuleStep, gatedDeltaRule } from '#jit/ops/delta-rule.js';
import { silu } from '#jit/ops/silu.js';
import { softplus } from '#jit/ops/softplus.js';
import { unitLowerInverse } from '#jit/ops/unit-lower-inverse.js';
import {
  add,
  concat,
  matMul,
  mul,
  neg,
  reshape,
  rsqrt,
  scalar,
  setBackendNow,
  sigmoid,
  slice,
  square,
  sum,
  type Tensor,
  tensor,
  tidy,
  transpose,
  zeros,
} from '#jit/ops.js';
import { chunkMasks } from '#nn/attention-mask.js';
import { type Carry, DecoderPass } from '#nn/decoder-pass.js';
import { GatedDeltaNet } from '#nn/gated-delta-net.js';
import { gradientErrors, normal } from '../../test/finite-differences.js';
import { absoluteError, tolerances } from '../../test/tolerances.js';

beforeAll(() => setBackendNow('cpu'));

const numbers = (run: () => Tensor) => tidy(() => run().dataSync() as never) as Float32Array;
const ints = (values: readonly number[], shape: number[] = [values.length]) =>
  tensor(Int32Array.from(values), shape);
const randoms = (name: string, shape: readonly number[]) => tensor(normal(name, shape), [...shape]);
const range = (n: number) => Array.from({ length: n }, (_, i) => i);

const repeated = (value: number, count: number) => Array.from({ length: count }, () => value);
const hiddenSize = 5;

/** A layer with two heads of keys and four of values, its weights random. */
function randomLayer(): GatedDeltaNet {
  const layer = new GatedDeltaNet('net', {
    hiddenSize,
    keyHeads: 2,
    valueHeads: 4,
    keyDim: 3,
    valueDim: 2,
    convSize: 4,
    rmsNormEps: 1e-6,
  });
  layer.bindParameters(({ name, shape }) => randoms(name, shape));
  return layer;
}

function passOf(segments: readonly number[], rows: number, carry?: Carry): DecoderPass {
  const all = segments.length;
  const positions = ints(range(all));
  return new DecoderPass({
    positions,
    segments: ints(segments, [rows, all / rows]),
    ...(carry ? { carry } : {}),
  });
}

test('an example in a packed block finds what it finds by itself, wherever chunks and blocks end', () => {
  const lengths = [30, 2, 45, 1, 52, 70, 60];
  const packed = numbers(() => {
    const segments = lengths.flatMap((length, i) => repeated(i + 1, length));
    return randomLayer().forward(randoms('x', [260, hiddenSize]), passOf(segments, 2));
  });
  let start = 0;
  for (const length of lengths) {
    const alone = numbers(() => {
      const x = slice(randoms('x', [260, hiddenSize]), [start, 0], [length, hiddenSize]);
      return randomLayer().forward(x, passOf(repeated(1, length), 1));
    });
    const within = packed.subarray(start * hiddenSize, (start + length) * hiddenSize);
    expect(absoluteError(within, alone)).toBeLessThan(tolerances.compiled);
    start += length;
  }
});

test.each([1, 5, 64, 75])('after %i tokens at once the rest follows token by token', (given) => {
  const total = given + 3;
  const atOnce = numbers(() =>
    randomLayer().forward(randoms('x', [total, hiddenSize]), passOf(repeated(0, total), 1)),
  );
  const inTurn = numbers(() => {
    const layer = randomLayer();
    const x = randoms('x', [total, hiddenSize]);
    let kept = new Map<string, Tensor>();
    const carried = (lastRow: number): Carry => {
      const before = kept;
      kept = new Map();
      return {
        before: (path) => before.get(path),
        keep: (path, state) => void kept.set(path, state),
        lastRow: ints([lastRow]),
      };
    };
    // What fills the block behind the last token may hold anything.
    const filled = concat([slice(x, [0, 0], [given, hiddenSize]), randoms('rest', [20, hiddenSize])], 0);
    const first = layer.forward(filled, passOf(repeated(0, given + 20), 1, carried(given - 1)));
    const later = range(3).map((i) =>
      layer.forward(slice(x, [given + i, 0], [1, hiddenSize]), passOf([0], 1, carried(0))),
    );
    expect([...kept].map(([path, state]) => [path, state.shape])).toEqual([
      ['net.conv1d', [3, 20]],
      ['net', layer.stateShape],
    ]);
    return concat([slice(first, [0, 0], [given, hiddenSize]), ...later], 0);
  });
  expect(absoluteError(inTurn, atOnce)).toBeLessThan(tolerances.compiled);
});

const [N, B, K, G, C, Dk, Dv] = [3, 1, 1, 2, 4, 3, 2];
const rows = N * B;

/** Inputs of the rule of plain tensors: keys and queries of length 1, what is left and replaced between 0 and 1. */
function ruleOf(q: Tensor, k: Tensor, v: Tensor, a: Tensor, b: Tensor) {
  const unit = (x: Tensor) => mul(x, rsqrt(add(sum(square(x), -1, true), scalar(1e-6))));
  return { q: unit(q), k: unit(k), v, g: neg(softplus(a)), beta: sigmoid(b) };
}
const shapes = [
  [rows, K, C, Dk],
  [rows, K, C, Dk],
  [rows, K, G, C, Dv],
  [rows, K, G, C],
  [rows, K, G, C],
];

test('chunks of the rule are its tokens one after another', () => {
  const inputs = () =>
    ruleOf(...(shapes.map((shape, i) => randoms(`rule ${i}`, shape)) as Parameters<typeof ruleOf>));
  const masks = () => chunkMasks(zeros([B, N * C], 'int32'), C);
  const chunked = numbers(() => transpose(gatedDeltaRule(inputs(), masks()), [0, 3, 1, 2, 4]));
  const byToken = numbers(() => {
    const { q, k, v, g, beta } = inputs();
    let S = zeros([K * G, Dk, Dv]);
    const found = range(N * C).map((t) => {
      const [n, c] = [Math.floor(t / C), t % C];
      const vectors = (x: Tensor, width: number) =>
        reshape(slice(x, [n, 0, c, 0], [1, K, 1, width]), [K, width]);
      const ofValues = (x: Tensor) => reshape(slice(x, [n, 0, 0, c], [1, K, G, 1]), [K, G]);
      const token = {
        q: vectors(q, Dk),
        k: vectors(k, Dk),
        v: reshape(slice(v, [n, 0, 0, c, 0], [1, K, G, 1, Dv]), [K, G, Dv]),
        g: ofValues(g),
        beta: ofValues(beta),
      };
      const step = deltaRuleStep(token, S);
      S = step.next;
      return step.found;
    });
    return concat(found, 0);
  });
  expect(absoluteError(chunked, byToken)).toBeLessThan(tolerances.compiled);
});

test('the gradients of the rule are those of differences, across chunks and examples', () => {
  const segments = [0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 2, 2];
  const errors = gradientErrors({
    name: 'rule',
    shapes,
    run: (q, k, v, a, b) => gatedDeltaRule(ruleOf(q, k, v, a, b), chunkMasks(ints(segments, [B, N * C]), C)),
  });
  for (const { error } of errors) expect(error).toBeLessThan(tolerances.finiteDifferences);
});

test('keys that repeat leave the inverse exact, where powers of the matrix would overflow', () => {
  const size = 64;
  const product = numbers(() => {
    const ones = tensor(
      Float32Array.from({ length: size * size }, (_, i) => Number(Math.floor(i / size) >= i % size)),
      [1, size, size],
    );
    return matMul(unitLowerInverse(ones), ones);
  });
  const identity = Float32Array.from({ length: size * size }, (_, i) =>
    Number(Math.floor(i / size) === i % size),
  );
  expect(absoluteError(product, identity)).toBe(0);
});

test('softplus and silu keep their digits far from zero', () => {
  const x = [-60, -20, -8, 0, 3, 40];
  const exact = (f: (x: number) => number) => x.map(f);
  const relative = (run: (x: Tensor) => Tensor, f: (x: number) => number) => {
    const found = numbers(() => run(tensor(x)));
    return Math.max(...exact(f).map((y, i) => Math.abs(found[i]! - y) / Math.max(1e-30, Math.abs(y))));
  };
  expect(relative(softplus, (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))))).toBeLessThan(1e-6);
  expect(relative(silu, (x) => x / (1 + Math.exp(-x)))).toBeLessThan(1e-6);
});
