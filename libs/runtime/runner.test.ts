import '@tensorflow/tfjs-backend-cpu';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { add, engine, greater, matMul, mul, reshape, scalar, sum, transpose } from '#jit/ops.js';
import type { Program, ProgramSpec } from '#jit/trace.js';
import { compileProgram } from '#runtime/compile.js';
import { CompiledRunner } from '#runtime/compiled-runner.js';
import { EagerRunner } from '#runtime/eager-runner.js';
import type { InitialState, Runner } from '#runtime/runner.js';

const weight = Float32Array.of(1, 2, 3, 4, 5, 6);
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'runner-'));
  await writeFile(join(folder, 'weights'), Buffer.from(weight.buffer));
});
afterAll(() => rm(folder, { recursive: true }));

const f32 = (...shape: number[]) => ({ shape, dtype: 'float32' as const });

interface StepFunction {
  readonly program: Program;
  readonly spec: ProgramSpec;
}

/** The step functions of the tests. */
function stepFunctions(): Record<'move' | 'exchange' | 'types' | 'shapes', StepFunction> {
  const source = { file: join(folder, 'weights'), offset: 0, byteLength: 24, storage: 'float32' } as const;
  const nothing = { data: {}, scalars: [], state: {}, weights: {} };
  return {
    move: {
      spec: {
        data: { x: f32(1, 2) },
        scalars: ['rate'],
        state: { a: f32(3) },
        weights: { w: { shape: [3, 2], source } },
      },
      program: ({ data, scalars, state, weights }) => {
        const y = matMul(data['x']!, weights['w']!, false, true);
        const moved = add(state['a']!, reshape(mul(y, scalars['rate']!), [3]));
        return { outputs: { y, total: sum(moved) }, state: { a: moved } };
      },
    },
    exchange: {
      spec: { ...nothing, state: { a: f32(3), b: f32(3) } },
      program: ({ state }) => ({ outputs: {}, state: { a: state['b']!, b: state['a']! } }),
    },
    shapes: {
      spec: { ...nothing, state: { a: f32(3, 1), b: f32(1, 3) } },
      program: ({ state }) => ({ outputs: {}, state: { b: transpose(state['a']!) } }),
    },
    types: {
      spec: { ...nothing, data: { i: { shape: [3], dtype: 'int32' } }, state: { a: f32(3) } },
      program: ({ data, state }) => ({
        outputs: {
          isLarge: greater(data['i']!, scalar(1, 'int32')),
          double: mul(data['i']!, scalar(2, 'int32')),
          same: state['a']!,
        },
        state: { a: state['a']! },
      }),
    },
  };
}

const initial = (): InitialState => ({ a: Float32Array.of(10, 20, 30), b: Float32Array.of(1, 2, 3) });

function createRunner(kind: string, state = initial()): Runner {
  const programs = stepFunctions();
  if (kind === 'eager') return new EagerRunner(programs, state, () => Promise.resolve(weight), 'cpu');
  const compilable = Object.entries(programs).map(([key, { program, spec }]) => [
    key,
    { key, compile: () => compileProgram(program, spec, { device: 'cpu', recomputedSegments: 0 }) },
  ]);
  const options = { device: 'cpu', threads: 2, spin: false, cacheFolder: undefined } as const;
  return new CompiledRunner(Object.fromEntries(compilable) as never, state, options);
}

const inputs = { data: { x: Float32Array.of(1, 1) }, scalars: { rate: 2 } };

describe.each(['compiled', 'eager'])('a %s runner', (kind) => {
  test('returns the results of a step and carries its state on', async () => {
    const runner = createRunner(kind);
    const first = await runner.run('move', inputs);
    expect(first).toEqual({ y: Float32Array.of(3, 7, 11), total: Float32Array.of(102) });
    expect(runner.readState('a')).toEqual(Float32Array.of(16, 34, 52));
    expect((await runner.run('move', inputs))['total']).toEqual(Float32Array.of(144));
    expect(first['total']).toEqual(Float32Array.of(102));
    expect(runner.readState('b')).toEqual(Float32Array.of(1, 2, 3));
    await runner.close();
  });

  test('lets a step exchange two states, or give one back as it is', async () => {
    const runner = createRunner(kind);
    await runner.run('exchange', {});
    await runner.run('types', { data: { i: Int32Array.of(0, 1, 2) } });
    await runner.run('exchange', {});
    await runner.run('exchange', {});
    expect([runner.readState('a'), runner.readState('b')]).toEqual([
      Float32Array.of(1, 2, 3),
      Float32Array.of(10, 20, 30),
    ]);
    await runner.close();
  });

  test('gives a state the shape that a step asks for', async () => {
    const runner = createRunner(kind);
    await runner.run('shapes', {});
    await runner.run('shapes', {});
    await runner.run('exchange', {});
    expect(runner.readState('b')).toEqual(Float32Array.of(10, 20, 30));
    await runner.close();
  });

  test('takes and gives whole numbers and flags', async () => {
    const runner = createRunner(kind);
    const results = await runner.run('types', { data: { i: Int32Array.of(0, 1, 2) } });
    expect(results).toEqual({
      isLarge: Uint8Array.of(0, 0, 1),
      double: Int32Array.of(0, 2, 4),
      same: Float32Array.of(10, 20, 30),
    });
    await runner.close();
  });

  test('shares no memory with whoever gives or takes a state', async () => {
    const state = initial();
    const runner = createRunner(kind, state);
    state['a']!.fill(0);
    runner.readState('a').fill(0);
    const written = Float32Array.of(7, 8, 9);
    runner.writeState('b', written);
    written.fill(0);
    expect([runner.readState('a'), runner.readState('b')]).toEqual([
      Float32Array.of(10, 20, 30),
      Float32Array.of(7, 8, 9),
    ]);
    await runner.close();
  });

  test('carries out runs that were asked for at once one after the other', async () => {
    const runner = createRunner(kind);
    const runs = await Promise.all([1, 2, 3, 4].map(() => runner.run('move', inputs)));
    expect(runs.map(({ total }) => total![0])).toEqual([102, 144, 186, 228]);
    expect(runner.readState('a')).toEqual(Float32Array.of(34, 76, 118));
    await runner.close();
  });

  test.each([
    ['input_missing', 'x', { scalars: inputs.scalars }],
    ['input_missing', 'rate', { data: inputs.data }],
    ['input_size', 'x', { ...inputs, data: { x: new Float32Array(3) } }],
  ])('refuses a run with %s of %s, and goes on', async (code, name, wrong) => {
    const runner = createRunner(kind);
    await expect(runner.run('move', wrong)).rejects.toMatchObject({
      code,
      message: expect.stringMatching(new RegExp(`\\b${name}\\b`)) as string,
    });
    expect(runner.readState('a')).toEqual(Float32Array.of(10, 20, 30));
    await expect(runner.run('move', inputs)).resolves.toMatchObject({ total: Float32Array.of(102) });
    await runner.close();
  });

  test('refuses unknown step functions and states, and states of another size', async () => {
    const runner = createRunner(kind);
    await expect(runner.run('nothing', {})).rejects.toMatchObject({ code: 'program_missing' });
    await expect(runner.prepare('nothing')).rejects.toMatchObject({ code: 'program_missing' });
    expect(() => runner.readState('c')).toThrow(expect.objectContaining({ code: 'state_missing' }));
    expect(() => runner.writeState('c', weight)).toThrow(expect.objectContaining({ code: 'state_missing' }));
    for (const size of [2, 4]) {
      expect(() => runner.writeState('a', new Float32Array(size))).toThrow(
        expect.objectContaining({ code: 'state_size', details: { name: 'a', size: 3, given: size } }),
      );
    }
    expect(runner.readState('a')).toEqual(Float32Array.of(10, 20, 30));
    await runner.close();
  });
});

test('an eager runner leaves no tensor behind', async () => {
  const before = engine().memory().numTensors;
  const runner = createRunner('eager');
  for (let i = 0; i < 3; i++) {
    await runner.run('move', inputs);
    await runner.run('exchange', {});
    runner.writeState('a', weight.subarray(3));
  }
  await runner.run('move', { data: {} }).catch(() => undefined);
  await runner.close();
  expect(engine().memory().numTensors).toBe(before);
});

test('what failed to compile is tried again, and does not keep a runner from closing', async () => {
  let attempts = 0;
  const { program, spec } = stepFunctions().move;
  const compile = () => {
    if (++attempts === 1) return Promise.reject(new Error('disk full'));
    return compileProgram(program, spec, { device: 'cpu', recomputedSegments: 0 });
  };
  const options = { device: 'cpu', threads: 1, spin: false, cacheFolder: undefined } as const;
  const runner = new CompiledRunner({ move: { key: 'move', compile } }, initial(), options);
  await expect(runner.run('move', inputs)).rejects.toThrow('disk full');
  await expect(runner.run('move', inputs)).resolves.toMatchObject({ total: Float32Array.of(102) });
  await runner.close();
  const failing = new CompiledRunner(
    { move: { key: 'move', compile: () => Promise.reject(new Error('no')) } },
    initial(),
    options,
  );
  await expect(failing.prepare('move')).rejects.toThrow('no');
  await failing.close();
});
