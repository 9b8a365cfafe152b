import { mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { QuantisedWeight } from '#jit/graph.js';
import { loop } from '#jit/ops/loop.js';
import { embedding } from '#jit/ops/linear.js';
import { add, matMul, scalar, slice, sum } from '#jit/ops.js';
import { normalAt, streamKey } from '#jit/random.js';
import type { Program, ProgramSpec } from '#jit/trace.js';
import { compileProgram, lowerProgram } from '#runtime/compile.js';
import { CompiledRunner } from '#runtime/compiled-runner.js';
import {
  blockBytes,
  blockCodesOf,
  blockSize,
  type CodeBits,
  weightsOfBlocks,
} from '#runtime/weight-schemes/block-codes.js';
import { blockRanges } from '#runtime/weight-schemes/blocks.js';
import { weightScheme } from '#runtime/weight-schemes/registry.js';
import { readRange } from '../../../test/read-range.js';
import { relativeError, tolerances } from '../../../test/tolerances.js';

const [rows, m, n] = [6, 40, 128];
const normal = (name: string, count: number) =>
  Float32Array.from({ length: count }, (_, i) => normalAt(streamKey(4, 0, name), i));
const weight = normal('weight', m * n).map((value, i) => (i < blockSize ? 0 : value + 0.3));
const x = normal('x', rows * n);
const dy = normal('dy', rows * m);
const ids = Int32Array.of(0, 3, 3, 39, 1, 7);

let folder: string;
const sources = new Map<CodeBits, QuantisedWeight>();
beforeAll(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'blocks-')));
  for (const bits of [4, 8] as const) {
    const file = join(folder, `weights-${bits}`);
    const parts = blockCodesOf(weight, bits);
    let offset = 0;
    const ranges = blockRanges.map((name) => {
      const { byteLength } = parts[name];
      offset += byteLength;
      return [name, { file, offset: offset - byteLength, byteLength }] as const;
    });
    await writeFile(file, Buffer.concat(blockRanges.map((name) => new Uint8Array(parts[name].buffer))));
    sources.set(bits, { scheme: `blocks${bits}`, ranges: Object.fromEntries(ranges) });
  }
});
afterAll(() => rm(folder, { recursive: true }));

const specOf = (source: QuantisedWeight): ProgramSpec => ({
  data: {
    x: { shape: [rows, n], dtype: 'float32' },
    dy: { shape: [rows, m], dtype: 'float32' },
    ids: { shape: [rows], dtype: 'int32' },
  },
  scalars: [],
  state: {},
  weights: { w: { shape: [m, n], source } },
});
const all: Program = ({ data, weights: { w } }) => ({
  outputs: {
    y: matMul(data['x']!, w!, false, true),
    dx: matMul(data['dy']!, w!),
    picked: embedding(w!, data['ids']!),
  },
  state: {},
});

async function run(program: Program, spec: ProgramSpec, threads = 1) {
  const compile = () => compileProgram(program, spec, { device: 'cpu', recomputedSegments: 0 });
  const options = { device: 'cpu', threads, spin: false, cacheFolder: undefined } as const;
  const runner = new CompiledRunner({ p: { key: 'p', compile } }, {}, options);
  try {
    return await runner.run('p', { data: { x, dy, ids } });
  } finally {
    await runner.close();
  }
}

/** The product of `count` rows with a matrix that is read through `at`. */
function product(input: Float32Array, inner: number, outer: number, at: (i: number, o: number) => number) {
  const result = new Float32Array(rows * outer);
  for (let r = 0; r < rows; r++) {
    for (let o = 0; o < outer; o++) {
      for (let i = 0; i < inner; i++) result[r * outer + o]! += input[r * inner + i]! * at(i, o);
    }
  }
  return result;
}

describe.each([4, 8] as const)('blocks of %i bits', (bits) => {
  test('are off by a step or by what is cut off, zeros not at all, and take the bytes they say', () => {
    const codes = blockCodesOf(weight, bits);
    const rounded = weightsOfBlocks(codes, bits);
    // 4 bits may cut off the largest weights of a block by a fifth of the range.
    const limit = bits === 4 ? 0.21 : 1 / 255;
    weight.forEach((value, i) => {
      const block = weight.subarray(i - (i % blockSize), i - (i % blockSize) + blockSize);
      const range = Math.max(0, ...block) - Math.min(0, ...block);
      expect(Math.abs(rounded[i]! - value)).toBeLessThanOrEqual(limit * range);
    });
    expect(rounded.subarray(0, blockSize)).toEqual(new Float32Array(blockSize));
    const bytes = codes.codes.byteLength + codes.scales.byteLength + codes.zeros.byteLength;
    expect(bytes).toBe(blockBytes([m, n], bits));
    const error = Math.hypot(...weight.map((value, i) => rounded[i]! - value)) / Math.hypot(...weight);
    expect(error).toBeLessThan(bits === 4 ? 0.08 : 0.005);
  });

  test('give both products and the rows of a table as the numbers that they stand for', async () => {
    const numbers = await weightScheme(sources.get(bits)!).read(
      { shape: [m, n], source: sources.get(bits)! },
      readRange,
    );
    expect(numbers).toEqual(weightsOfBlocks(blockCodesOf(weight, bits), bits));
    const { y, dx, picked } = await run(all, specOf(sources.get(bits)!));
    const at = (row: number, column: number) => numbers[row * n + column]!;
    const forward = product(x, n, m, (i, o) => at(o, i));
    const backward = product(dy, m, n, (i, o) => at(i, o));
    expect(relativeError(y!, forward)).toBeLessThan(tolerances.compiled);
    expect(relativeError(dx!, backward)).toBeLessThan(tolerances.compiled);
    expect(picked).toEqual(
      Float32Array.from({ length: rows * n }, (_, i) => at(ids[Math.floor(i / n)]!, i % n)),
    );
  });

  test('give the same bits with other threads, and in a loop', async () => {
    const spec = specOf(sources.get(bits)!);
    expect(await run(all, spec, 2)).toEqual(await run(all, spec, 1));
    const looped: Program = ({ data, weights }) => {
      const total = () => sum(matMul(data['x']!, weights['w']!, false, true));
      const { carried } = loop(scalar(3, 'int32'), 3, [scalar(0)], (_, [before]) => ({
        carried: [add(before!, total())],
        stacked: [],
      }));
      return { outputs: { total: carried[0]!, once: total() }, state: {} };
    };
    const { total, once } = await run(looped, spec);
    expect(total![0]).toBeCloseTo(3 * once![0]!, 3);
  });

  test('are given row by row', async () => {
    const scheme = weightScheme(sources.get(bits)!);
    const whole = { shape: [m, n], source: sources.get(bits)! };
    const part = { shape: [5, n], source: scheme.rows(whole, 7, 5) };
    const numbers = await scheme.read(whole, readRange);
    expect(await scheme.read(part, readRange)).toEqual(numbers.slice(7 * n, 12 * n));
  });

  test('for answers multiply one row as it is rounded to 8 bits, and several as they are', async () => {
    const source = { ...sources.get(bits)!, scheme: `answers${bits}` };
    const row: Program = ({ data, weights: { w } }) => ({
      outputs: { y: matMul(slice(data['x']!, [0, 0], [1, n]), w!, false, true) },
      state: {},
    });
    const [answer, several] = [await run(row, specOf(source)), await run(all, specOf(source))];
    const exact = await run(all, specOf(sources.get(bits)!));
    expect(several).toEqual(exact);
    const error = relativeError(answer['y']!, exact['y']!.slice(0, m));
    expect(error).toBeGreaterThan(0);
    expect(error).toBeLessThan(tolerances.roundedRow);
  });

  test('are floats beside each use, so that none is kept for another', () => {
    const { model } = lowerProgram(all, specOf(sources.get(bits)!), { device: 'cpu', recomputedSegments: 0 });
    expect(model.nodes.filter(({ op }) => op === 'DequantizeLinear')).toHaveLength(3);
    const mapped = model.external.reduce((sum, { byteLength }) => sum + byteLength, 0);
    expect(mapped).toBe(blockBytes([m, n], bits));
  });
});
