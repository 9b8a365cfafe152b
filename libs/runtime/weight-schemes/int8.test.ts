import { mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ByteRange, QuantisedWeight } from '#jit/graph.js';
import { loop } from '#jit/ops/loop.js';
import { add, matMul, scalar, sum } from '#jit/ops.js';
import { normalAt, streamKey } from '#jit/random.js';
import type { Program, ProgramSpec } from '#jit/trace.js';
import { compileProgram, lowerProgram } from '#runtime/compile.js';
import { CompiledRunner } from '#runtime/compiled-runner.js';
import { int8Ranges } from '#runtime/weight-schemes/int8.js';
import { codesOf, largestCode, outerScales } from '#runtime/weight-schemes/int8-codes.js';
import { weightScheme } from '#runtime/weight-schemes/registry.js';
import { readRange } from '../../../test/read-range.js';
import { relativeError, tolerances } from '../../../test/tolerances.js';

const [rows, m, n] = [6, 24, 40];
const normal = (name: string, count: number) =>
  Float32Array.from({ length: count }, (_, i) => normalAt(streamKey(2, 0, name), i));
const weight = normal('weight', m * n);
const smoothing = normal('smoothing', n).map((value) => Math.exp(value));
const x = normal('x', rows * n).map((value, at) => (at < n ? 50 : 1) * value);
const dy = normal('dy', rows * m);

let folder: string;
let source: QuantisedWeight & { readonly original: NonNullable<QuantisedWeight['original']> };
beforeAll(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'int8-')));
  const file = join(folder, 'weights');
  const pieces: Uint8Array[] = [];
  let offset = 0;
  const put = (data: Float32Array | Int8Array): ByteRange => {
    pieces.push(new Uint8Array(data.buffer));
    offset += data.byteLength;
    return { file, offset: offset - data.byteLength, byteLength: data.byteLength };
  };
  const original = { ...put(weight), storage: 'float32' as const };
  const ranges: Record<string, ByteRange> = {};
  for (const transposed of [true, false]) {
    const side = { shape: [m, n] as const, transposed };
    const factors = transposed ? smoothing : undefined;
    const names = int8Ranges(transposed);
    const scales = outerScales(weight, side, factors);
    ranges[names.scales] = put(scales);
    if (factors) ranges[names.smoothing] = put(factors.map((factor) => 1 / factor));
    ranges[names.codes] = put(codesOf(weight, side, scales, factors));
  }
  await writeFile(file, Buffer.concat(pieces));
  source = { scheme: 'int8', ranges, original };
});
afterAll(() => rm(folder, { recursive: true }));

const specOf = (source: QuantisedWeight, names = ['w']): ProgramSpec => ({
  data: { x: { shape: [rows, n], dtype: 'float32' }, dy: { shape: [rows, m], dtype: 'float32' } },
  scalars: [],
  state: { a: { shape: [rows, n], dtype: 'float32' } },
  weights: Object.fromEntries(names.map((name) => [name, { shape: [m, n], source }])),
});
const both: Program = ({ data, weights }) => ({
  outputs: { y: matMul(data['x']!, weights['w']!, false, true), dx: matMul(data['dy']!, weights['w']!) },
  state: {},
});

async function run(program: Program, spec: ProgramSpec, threads = 1) {
  const compile = () => compileProgram(program, spec, { device: 'cpu', recomputedSegments: 0 });
  const runner = new CompiledRunner(
    { p: { key: 'p', compile } },
    { a: x },
    {
      device: 'cpu',
      threads,
      spin: false,
      cacheFolder: undefined,
    },
  );
  try {
    return await runner.run('p', { data: { x, dy } });
  } finally {
    await runner.close();
  }
}

/** The product of rows that are rounded as activations are, with a copy of the matrix; sums are exact. */
function expected(input: Float32Array, transposed: boolean): Float32Array {
  const [inner, outer] = transposed ? [n, m] : [m, n];
  const side = { shape: [m, n] as const, transposed };
  const factors = transposed ? smoothing : undefined;
  const scales = outerScales(weight, side, factors);
  const codes = codesOf(weight, side, scales, factors);
  const result = new Float32Array(rows * outer);
  for (let r = 0; r < rows; r++) {
    const row = input
      .slice(r * inner, (r + 1) * inner)
      .map((value, i) => Math.fround(value * Math.fround(1 / (factors?.[i] ?? 1))));
    const scale = Math.fround(
      Math.max(...row.map((value) => Math.abs(value))) * Math.fround(1 / largestCode),
    );
    for (let o = 0; o < outer; o++) {
      let total = 0;
      row.forEach((value, i) => (total += Math.round(Math.fround(value / scale)) * codes[i * outer + o]!));
      result[r * outer + o] = total * scales[o]! * scale;
    }
  }
  return result;
}

test('both products are those of the rounded rows with the rounded matrix', async () => {
  const { y, dx } = await run(both, specOf(source));
  expect(relativeError(y!, expected(x, true))).toBeLessThan(tolerances.integerProducts);
  expect(relativeError(dx!, expected(dy, false))).toBeLessThan(tolerances.integerProducts);
});

test('the bits do not depend on the number of threads', async () => {
  expect(await run(both, specOf(source), 2)).toEqual(await run(both, specOf(source), 1));
});

test('products of one input share its codes if they are smoothed alike', () => {
  const program: Program = ({ data, weights }) => ({
    outputs: Object.fromEntries(
      Object.entries(weights).map(([name, w]) => [name, matMul(data['x']!, w, false, true)]),
    ),
    state: {},
  });
  const { model } = lowerProgram(program, specOf(source, ['q', 'k', 'v']), {
    device: 'cpu',
    recomputedSegments: 0,
  });
  const count = (op: string) => model.nodes.filter((node) => node.op === op).length;
  expect([count('QuantizeLinear'), count('MatMulIntegerToFloat')]).toEqual([1, 3]);
});

test('in a loop a product rounds what the round reads', async () => {
  const looped: Program = ({ data, weights }) => {
    const product = () => sum(matMul(data['x']!, weights['w']!, false, true));
    const [total] = loop(scalar(3, 'int32'), 3, [scalar(0)], (_, [before]) => ({
      carried: [add(before!, product())],
      stacked: [],
    })).carried;
    return { outputs: { total: total!, once: product() }, state: {} };
  };
  const { total, once } = await run(looped, specOf(source));
  expect(total![0]).toBeCloseTo(3 * once![0]!, 3);
});

test('what is no product of activations, or has no copy, reads the original', async () => {
  const { [int8Ranges(false).codes]: _, ...ranges } = source.ranges;
  const spec = specOf({ ...source, ranges });
  const program: Program = ({ data, state, weights: { w } }) => ({
    outputs: {
      y: matMul(data['x']!, w!, false, true),
      gradient: matMul(data['dy']!, w!),
      factors: matMul(state['a']!, w!, false, true),
    },
    state: {},
  });
  const results = await run(program, spec);
  const plain = await run(program, specOf(source.original as unknown as QuantisedWeight));
  expect(results['gradient']).toEqual(plain['gradient']);
  expect(results['factors']).toEqual(plain['factors']);
  expect(results['y']).not.toEqual(plain['y']);
  expect(() =>
    lowerProgram(program, specOf({ scheme: 'int8', ranges }), { device: 'cpu', recomputedSegments: 0 }),
  ).toThrow('w is stored in int8 only');
});

test('on devices without integer products the original is multiplied', () => {
  const { model } = lowerProgram(both, specOf(source), { device: 'webgpu', recomputedSegments: 0 });
  expect(model.external.map(({ value }) => value.type)).toEqual(['float32']);
});

test('its numbers are those that the product of its layer reads, off by half a step at most', async () => {
  const numbers = await weightScheme(source).read({ shape: [m, n], source }, readRange);
  const scales = outerScales(weight, { shape: [m, n], transposed: true }, smoothing);
  numbers.forEach((value, at) => {
    const step = scales[Math.floor(at / n)]! / smoothing[at % n]!;
    expect(Math.abs(value - weight[at]!)).toBeLessThan(0.501 * step);
  });
});
