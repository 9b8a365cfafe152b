import '@tensorflow/tfjs-backend-cpu';
import { describe, expect, test } from 'vitest';
import { add, matMul, mul, reshape, scalar, setBackendNow, slice, type Tensor, tensor } from '#jit/ops.js';
import { streamKeys } from '#jit/random.js';
import type { Program, ProgramSpec } from '#jit/trace.js';
import { LoraLinear } from '#lora/layer-kinds/linear.js';
import type { LayerRun } from '#lora/layer-run.js';
import { targetModule } from '#lora/variants/registry.js';
import { lora } from '#lora/variants/lora.js';
import { Linear } from '#nn/layers.js';
import { compileProgram } from '#runtime/compile.js';
import { CompiledRunner } from '#runtime/compiled-runner.js';
import { EagerRunner } from '#runtime/eager-runner.js';
import type { Runner } from '#runtime/runner.js';
import { gradientErrors, normal } from '../../../test/finite-differences.js';
import { absoluteError, tolerances } from '../../../test/tolerances.js';

const [rows, inFeatures, outFeatures, r] = [5, 40, 24, 4];
const factorCount = r * (inFeatures + outFeatures);

type LayerOptions = Partial<LayerRun> & { readonly scale?: number };

function layerOf({ scale = 1.5, ...run }: LayerOptions): LoraLinear {
  const base = new Linear('layers.0.q_proj', inFeatures, outFeatures, true);
  const layer = { kind: 'linear', inFeatures, outFeatures };
  const target = targetModule(base.path, layer, { r, loraAlpha: r * scale, scale });
  const streams = run.streams ?? { keys: undefined };
  return new LoraLinear(base, target, { dropout: 0, site: 0, ...run, streams }, lora.forward);
}

/** Gives a layer its weights; the factors lie in one vector, A before B. */
function bind(layer: LoraLinear, weight: Tensor, bias: Tensor, factors: Tensor): void {
  const own = new Map<string, Tensor>([
    ['layers.0.q_proj.weight', weight],
    ['layers.0.q_proj.bias', bias],
    ['layers.0.q_proj.lora_A.weight', reshape(slice(factors, [0], [r * inFeatures]), [r, inFeatures])],
    [
      'layers.0.q_proj.lora_B.weight',
      reshape(slice(factors, [r * inFeatures], [outFeatures * r]), [outFeatures, r]),
    ],
  ]);
  layer.bindParameters(({ name }) => own.get(name)!);
}

const inputs = {
  x: normal('x', [rows, inFeatures]),
  weight: normal('weight', [outFeatures, inFeatures]),
  bias: normal('bias', [outFeatures]),
};
const factors = normal('factors', [factorCount]);
const withoutB = factors.slice().fill(0, r * inFeatures);

/** A runner of the layer; its state holds the factors. Without options it is the layer below. */
function runnerOf(kind: string, options: LayerOptions | undefined): Runner {
  const spec: ProgramSpec = {
    data: {
      x: { shape: [rows, inFeatures], dtype: 'float32' },
      weight: { shape: [outFeatures, inFeatures], dtype: 'float32' },
      bias: { shape: [outFeatures], dtype: 'float32' },
    },
    scalars: [],
    state: { factors: { shape: [factorCount], dtype: 'float32' } },
    weights: {},
  };
  const layer = layerOf(options ?? {});
  const program: Program = ({ data, state }) => {
    bind(layer, data['weight']!, data['bias']!, state['factors']!);
    return { outputs: { y: (options ? layer : layer.base).forward(data['x']!) }, state: {} };
  };
  if (kind === 'eager') {
    return new EagerRunner(
      { step: { program, spec } },
      { factors },
      () => Promise.reject(new Error('none')),
      'cpu',
    );
  }
  const compile = () => compileProgram(program, spec, { device: 'cpu', recomputedSegments: 0 });
  const settings = { device: 'cpu', threads: 2, spin: false, cacheFolder: undefined } as const;
  return new CompiledRunner({ step: { key: 'lora', compile } }, { factors }, settings);
}

async function outputOf(runner: Runner): Promise<number[]> {
  return Array.from((await runner.run('step', { data: inputs }))['y']!);
}

describe.each(['compiled', 'eager'])('a LoRA layer, %s,', (kind) => {
  test('adds scale * B A x to what its base gives', async () => {
    setBackendNow('cpu');
    const [A, B] = [
      tensor(factors.slice(0, r * inFeatures), [r, inFeatures]),
      tensor(factors.slice(r * inFeatures), [outFeatures, r]),
    ];
    const x = tensor(inputs.x, [rows, inFeatures]);
    const dense = add(tensor(inputs.weight, [outFeatures, inFeatures]), mul(matMul(B, A), scalar(1.5)));
    const expected = add(matMul(x, dense, false, true), tensor(inputs.bias)).dataSync();
    const runner = runnerOf(kind, {});
    expect(absoluteError(await outputOf(runner), expected)).toBeLessThan(tolerances.compiled);
    await runner.close();
  });

  test('with scale 0, or with B zero, gives the bits of its base', async () => {
    const base = runnerOf(kind, undefined);
    const expected = await outputOf(base);
    const off = runnerOf(kind, { scale: 0 });
    expect(await outputOf(off)).toEqual(expected);
    for (const scale of [1, 1.5]) {
      const fresh = runnerOf(kind, { scale });
      expect(await outputOf(fresh)).not.toEqual(expected);
      fresh.writeState('factors', withoutB);
      expect(await outputOf(fresh)).toEqual(expected);
      await fresh.close();
    }
    await Promise.all([base.close(), off.close()]);
  });

  test('takes another adapter by its state alone, and back', async () => {
    const runner = runnerOf(kind, {});
    const first = await outputOf(runner);
    runner.writeState('factors', normal('others', [factorCount]));
    const second = await outputOf(runner);
    expect(second).not.toEqual(first);
    runner.writeState('factors', factors);
    expect(await outputOf(runner)).toEqual(first);
    await runner.close();
  });
});

test('the weights keep their names, the factors lie beside them', () => {
  const names = [...layerOf({}).parameters()].map(({ name }) => name);
  expect(names.toSorted()).toEqual([
    'layers.0.q_proj.bias',
    'layers.0.q_proj.lora_A.weight',
    'layers.0.q_proj.lora_B.weight',
    'layers.0.q_proj.weight',
  ]);
});

describe('dropout', () => {
  const forward = (options: LayerOptions, vector = factors) => {
    const layer = layerOf(options);
    bind(layer, tensor(inputs.weight, [outFeatures, inFeatures]), tensor(inputs.bias), tensor(vector));
    return Array.from(layer.forward(tensor(inputs.x, [rows, inFeatures])).dataSync());
  };
  const streams = () => ({ keys: tensor(streamKeys(1, 2, ['a', 'b']), [2, 2]) });

  test('acts on the low-rank branch only, and only while there are keys', () => {
    setBackendNow('cpu');
    const plain = forward({});
    expect(forward({ dropout: 0.5 })).toEqual(plain);
    expect(forward({ dropout: 0, streams: streams() })).toEqual(plain);
    expect(forward({ dropout: 0.5, streams: streams() })).not.toEqual(plain);
    expect(forward({ dropout: 0.5, streams: streams() }, withoutB)).toEqual(forward({}, withoutB));
  });

  test('differs from site to site', () => {
    setBackendNow('cpu');
    const [first, second] = [0, 1].map((site) => forward({ dropout: 0.5, site, streams: streams() }));
    expect(first).not.toEqual(second);
  });
});

test.each([0, 0.3])('the gradient by input and factors equals the differences, dropout %d', (rate) => {
  setBackendNow('cpu');
  const streams = { keys: tensor(streamKeys(1, 2, ['a']), [1, 2]) };
  const found = gradientErrors({
    name: 'lora',
    shapes: [[rows, inFeatures], [factorCount]],
    step: 2e-2,
    run: (x, factors) => {
      const layer = layerOf({ dropout: rate, streams });
      bind(layer, tensor(inputs.weight, [outFeatures, inFeatures]), tensor(inputs.bias), factors);
      return layer.forward(x);
    },
  });
  for (const { error } of found) expect(error).toBeLessThan(tolerances.finiteDifferences);
});
