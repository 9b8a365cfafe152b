import '@tensorflow/tfjs-backend-cpu';
import { describe, expect, test } from 'vitest';
import { attention } from '#jit/ops/attention.js';
import { valueAndGrads } from '#jit/differentiate.js';
import { mul, setBackendNow, sum, type Tensor, tensor, tidy } from '#jit/ops.js';
import { normalAt, streamKey } from '#jit/random.js';
import type { Program, ProgramSpec } from '#jit/trace.js';
import { attentionMask, cacheMask } from '#nn/attention-mask.js';
import { compileProgram } from '#runtime/compile.js';
import { CompiledRunner } from '#runtime/compiled-runner.js';
import { EagerRunner } from '#runtime/eager-runner.js';
import type { NumericArray } from '#runtime/numeric-array.js';
import type { Runner } from '#runtime/runner.js';

/** The keys that each query sees, as text: x for seen. */
function seen(segments: number[], window: number | null): string[] {
  setBackendNow('cpu');
  const L = segments.length;
  const mask = tidy(
    () => attentionMask(tensor(Int32Array.from(segments), [1, L]), window).dataSync() as never,
  ) as Float32Array;
  expect(new Set(mask).size).toBeLessThanOrEqual(2);
  return Array.from({ length: L }, (_, i) =>
    Array.from(mask.subarray(i * L, (i + 1) * L), (value) => (value === 0 ? 'x' : '.')).join(''),
  );
}

describe('a token sees', () => {
  test('itself and what is before it in its own segment', () => {
    expect(seen([1, 1, 2, 2, 2, 0], null)).toEqual([
      'x.....',
      'xx....',
      '..x...',
      '..xx..',
      '..xxx.',
      '.....x',
    ]);
  });

  test('at most the last tokens of its window', () => {
    expect(seen([1, 1, 1, 1, 2], 2)).toEqual(['x....', 'xx...', '.xx..', '..xx.', '....x']);
    expect(seen([1, 1], 1)).toEqual(['x.', '.x']);
  });
});

test.each([
  { position: 0, window: null, expected: '....' },
  { position: 3, window: null, expected: 'xxx.' },
  { position: 3, window: 2, expected: '..x.' },
  { position: 4, window: 4, expected: '.xxx' },
])('a new token at $position sees $expected of a cache, window $window', (one) => {
  setBackendNow('cpu');
  const mask = tidy(
    () => cacheMask(tensor(Int32Array.of(one.position)), 4, one.window).dataSync() as never,
  ) as Float32Array;
  expect(Array.from(mask, (value) => (value === 0 ? 'x' : '.')).join('')).toBe(one.expected);
});

const [B, KV, G, D] = [2, 2, 2, 4];

/** Attention of q, k, v and its gradient for the weights `dy` of its result. */
function attentionStep(L: number, window: number | null): { program: Program; spec: ProgramSpec } {
  const float = (...shape: number[]) => ({ shape, dtype: 'float32' as const });
  return {
    spec: {
      data: {
        q: float(B, KV, L, G, D),
        k: float(B, KV, L, D),
        v: float(B, KV, L, D),
        dy: float(B, KV, L, G, D),
        segments: { shape: [B, L], dtype: 'int32' },
      },
      scalars: [],
      state: {},
      weights: {},
    },
    program: ({ data }) => {
      const mask = attentionMask(data['segments']!, window);
      const run = (q: Tensor, k: Tensor, v: Tensor) => attention(q, k, v, mask, { scale: 0.5 });
      const qkv = [data['q']!, data['k']!, data['v']!] as const;
      const { grads } = valueAndGrads((...[q, k, v]: Tensor[]) => sum(mul(run(q!, k!, v!), data['dy']!)))([
        ...qkv,
      ]);
      const [dq, dk, dv] = grads as [Tensor, Tensor, Tensor];
      return { outputs: { y: run(...qkv), dq, dk, dv }, state: {} };
    },
  };
}

function runnerOf(kind: 'compiled' | 'eager', L: number, window: number | null): Runner {
  const step = attentionStep(L, window);
  if (kind === 'eager') return new EagerRunner({ step }, {}, () => Promise.reject(new Error('none')), 'cpu');
  const compile = () => compileProgram(step.program, step.spec, { device: 'cpu', recomputedSegments: 0 });
  const options = { device: 'cpu', threads: 2, spin: false, cacheFolder: undefined } as const;
  return new CompiledRunner({ step: { key: 'attention', compile } }, {}, options);
}

function inputs(L: number, segments: Int32Array): Record<string, Float32Array | Int32Array> {
  const random = (name: string, size: number) => {
    const key = streamKey(2, L, name);
    return Float32Array.from({ length: size }, (_, i) => normalAt(key, i));
  };
  const [queries, keys] = [B * KV * L * G * D, B * KV * L * D];
  return {
    q: random('q', queries),
    k: random('k', keys),
    v: random('v', keys),
    dy: random('dy', queries),
    segments,
  };
}

/** Segments of both rows: the first changes at `border`, the second has one segment. */
function segmentsOf(L: number, border: number): Int32Array {
  return Int32Array.from({ length: B * L }, (_, i) => (i < L ? (i < border ? 1 : 2) : 1));
}

/** The entries of [B, KV, L, ...] that belong to positions of the first row for which `pick` holds. */
function ofPositions(values: NumericArray, L: number, pick: (position: number) => boolean): number[] {
  const each = values.length / (B * KV * L);
  return Array.from(values.subarray(0, KV * L * each)).filter((_, i) => pick(Math.floor(i / each) % L));
}

const lengths = [5, 10, 129];

describe.each([
  { kind: 'compiled', window: null },
  { kind: 'compiled', window: 3 },
  { kind: 'eager', window: null },
] as const)('attention, $kind, window $window', ({ kind, window }) => {
  test.each(lengths)('of %i tokens never looks into another segment', async (L) => {
    const runner = runnerOf(kind, L, window);
    const border = Math.ceil(L / 2);
    const before = inputs(L, segmentsOf(L, border));
    const expected = await runner.run('step', { data: before });
    for (const isChanged of [(i: number) => i >= border, (i: number) => i < border]) {
      const changed = { ...before };
      for (const name of ['q', 'k', 'v', 'dy'] as const) {
        const values = before[name]!.slice() as Float32Array;
        const each = values.length / (B * KV * L);
        values.subarray(0, KV * L * each).forEach((value, i) => {
          if (isChanged(Math.floor(i / each) % L)) values[i] = 3 - 2 * value;
        });
        changed[name] = values;
      }
      const actual = await runner.run('step', { data: changed });
      for (const name of ['y', 'dq', 'dk', 'dv']) {
        const kept = (x: Record<string, NumericArray>) => ofPositions(x[name]!, L, (i) => !isChanged(i));
        expect(kept(actual), name).toEqual(kept(expected));
        const moved = (x: Record<string, NumericArray>) => ofPositions(x[name]!, L, isChanged);
        expect(moved(actual), name).not.toEqual(moved(expected));
      }
    }
    await runner.close();
  });

  test.each(lengths)('of %i tokens never looks ahead', async (L) => {
    const runner = runnerOf(kind, L, window);
    const before = inputs(L, segmentsOf(L, L));
    const expected = await runner.run('step', { data: before });
    const from = Math.floor(L / 2) + 1;
    const changed = { ...before };
    for (const name of ['k', 'v'] as const) {
      const values = before[name]!.slice() as Float32Array;
      const each = values.length / (B * KV * L);
      values.forEach((value, i) => {
        if (Math.floor(i / each) % L >= from) values[i] = value + 5;
      });
      changed[name] = values;
    }
    const actual = await runner.run('step', { data: changed });
    for (const name of ['y', 'dq']) {
      const past = (x: Record<string, NumericArray>) => ofPositions(x[name]!, L, (i) => i < from);
      expect(past(actual), name).toEqual(past(expected));
    }
    await runner.close();
  });
});
