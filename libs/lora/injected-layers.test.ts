import '@tensorflow/tfjs-backend-cpu';
import { beforeEach, describe, expect, test } from 'vitest';
import { UnsupportedError } from '#base/errors.js';
import { scalar, setBackendNow, type Tensor, tensor } from '#jit/ops.js';
import { streamKeys } from '#jit/random.js';
import { injectLayers } from '#lora/inject-layers.js';
import { InjectedControls } from '#lora/injected-controls.js';
import { initialFactors } from '#lora/injected-factors.js';
import { LoraInjectedConv2d } from '#lora/lora-injected-conv2d.js';
import type { BranchDropout } from '#lora/injected-layer.js';
import { Conv2d } from '#nn/conv2d.js';
import { Embedding, Linear } from '#nn/layers.js';
import { Module } from '#nn/module.js';
import { gradientErrors, normal } from '../../test/finite-differences.js';
import {
  bases,
  inject,
  inputs,
  type Kind,
  kinds,
  LayerRunner,
  numbersOf,
  outputOf,
} from '../../test/injected-layer.js';
import { relativeError, tolerances } from '../../test/tolerances.js';

beforeEach(() => setBackendNow('cpu'));

describe.each(['compiled', 'eager'])('an injected layer, %s,', (kind) => {
  test.each(kinds)(
    'takes its scale with every run, and with 0 gives the bits of its base: %s',
    async (of) => {
      const layer = inject(bases[of](), { r: 4 });
      const expected = await outputOf(kind, bases[of](), inputs[of]);
      const runner = new LayerRunner(kind, layer, inputs[of]);
      const [x, numbers] = [normal('x', inputs[of]), numbersOf(layer)];
      const at = (scale: number, with_ = numbers) => {
        runner.controls.setScale(scale, layer.path);
        return runner.run(x, with_);
      };
      const full = await at(1);
      expect(full).not.toEqual(expected);
      expect(await at(0)).toEqual(expected);
      const half = await at(0.5);
      const between = expected.map((base, i) => (base + full[i]!) / 2);
      expect(relativeError(half, between)).toBeLessThan(tolerances.mergedWeights);
      expect(await at(1)).toEqual(full);
      const broken = new Map(numbers).set(
        `${layer.path}.lora_down.weight`,
        numbers.get(`${layer.path}.lora_down.weight`)!.map(() => NaN),
      );
      expect(await at(0, broken)).toEqual(expected);
      await runner.close();
    },
  );

  test.each(kinds)('takes its selector with every run: %s', async (of) => {
    const layer = inject(bases[of](), { r: 4, selector: 'diagonal' });
    const plain = inject(bases[of](), { r: 4 });
    const runner = new LayerRunner(kind, layer, inputs[of]);
    const [x, numbers] = [normal('x', inputs[of]), numbersOf(layer)];
    const whole = await outputOf(kind, plain, inputs[of]);
    expect(relativeError(await runner.run(x, numbers), whole)).toBeLessThan(tolerances.mergedWeights);

    const diagonal = Float32Array.of(0.5, -1, 0, 2);
    runner.controls.setSelector(layer.path, diagonal);
    const up = numbers.get(`${layer.path}.lora_up.weight`)!;
    const scaledUp = new Map(numbers).set(
      `${layer.path}.lora_up.weight`,
      up.map((value, i) => value * diagonal[i % 4]!),
    );
    const expected = await outputOf(kind, plain, inputs[of], scaledUp);
    expect(relativeError(await runner.run(x, numbers), expected)).toBeLessThan(tolerances.mergedWeights);
    runner.controls.setSelector(layer.path);
    expect(relativeError(await runner.run(x, numbers), whole)).toBeLessThan(tolerances.mergedWeights);
    await runner.close();
  });
});

describe('a rank', () => {
  test('above the layer is refused', () => {
    for (const of of kinds) {
      expect(() => inject(bases[of](), { r: 7 })).toThrow(
        expect.objectContaining({
          code: 'rank_too_large',
          message: expect.stringContaining('use r of at most 6') as string,
        }),
      );
      expect(inject(bases[of](), { r: 6 }).part.r).toBe(6);
    }
  });

  test('that the groups cannot share is refused', () => {
    const base = new Conv2d('net.conv', 6, 6, { kernelSize: 3, groups: 3 });
    expect(() => new LoraInjectedConv2d(base, { r: 4 })).toThrow(
      expect.objectContaining({ code: 'rank_not_divisible' }),
    );
  });
});

test('weights keep their names, factors lie beside them', () => {
  const names = [...inject(bases.conv2d(), { r: 4, selector: 'diagonal' }).parameters()].map(
    ({ name, shape }) => `${name} ${shape.join('x')}`,
  );
  expect(names.toSorted()).toEqual([
    'net.conv.bias 8',
    'net.conv.lora_down.weight 4x6x3x2',
    'net.conv.lora_scale ',
    'net.conv.lora_selector 4',
    'net.conv.lora_up.weight 8x4x1x1',
    'net.conv.weight 8x6x3x2',
  ]);
});

test('layers are put into a tree by their paths, and what cannot be one is named', () => {
  class Net extends Module {
    readonly table = this.child('table', (path) => new Embedding(path, 4, 2));
    readonly fc = this.child<Module>('fc', (path) => new Linear(path, 6, 8, true));
    readonly conv = this.child<Module>('conv', (path) => new Conv2d(path, 6, 8, { kernelSize: 3 }));
  }
  const net = new Net('net');
  const layers = injectLayers(net, { 'net.conv': { r: 2 }, 'net.fc': { r: 3 } });
  expect(layers).toEqual([net.conv.module, net.fc.module]);
  expect(layers.map(({ part }) => part.r)).toEqual([2, 3]);
  expect(() => injectLayers(net, { 'net.table': { r: 1 } })).toThrow(UnsupportedError);
  expect(() => injectLayers(net, { 'net.fd': { r: 1 } })).toThrow(
    expect.objectContaining({ code: 'module_not_found' }),
  );
});

test('controls name what they do not find', () => {
  const controls = new InjectedControls(inject(bases.linear(), { r: 2 }));
  expect(() => controls.setScale(1, 'net.fd')).toThrow(expect.objectContaining({ code: 'module_not_found' }));
  expect(() => controls.setSelector('net.fc')).toThrow(expect.objectContaining({ code: 'selector_fixed' }));
  const diagonal = new InjectedControls(inject(bases.linear(), { r: 2, selector: 'diagonal' }));
  expect(() => diagonal.setSelector('net.fc', Float32Array.of(1))).toThrow(
    expect.objectContaining({ code: 'selector_size' }),
  );
});

describe('dropout', () => {
  const streams = () => ({ keys: tensor(streamKeys(1, 2, ['a', 'b']), [2, 2]) });
  const forward = (of: Kind, drop: Partial<BranchDropout> | undefined) => {
    const dropout = drop && { rate: 0.5, on: 'output' as const, site: 0, streams: streams(), ...drop };
    const layer = inject(bases[of](), { r: 4, ...(dropout ? { dropout } : {}) });
    const numbers = numbersOf(layer);
    layer.bindParameters(({ name, shape }) =>
      numbers.has(name) ? tensor(numbers.get(name)!, [...shape]) : scalar(1),
    );
    return Array.from(layer.forward(tensor(normal('x', inputs[of]), inputs[of])).dataSync());
  };

  test.each(kinds)('on the output leaves the base where it drops, and doubles the rest: %s', (of) => {
    const base = bases[of]();
    const numbers = numbersOf(base);
    base.bindParameters(({ name, shape }) => tensor(numbers.get(name)!, [...shape]));
    const plain = Array.from(base.forward(tensor(normal('x', inputs[of]), inputs[of])).dataSync());
    const whole = forward(of, undefined);
    const dropped = forward(of, {});
    const kept = dropped.filter((y, i) => Math.abs(y - (2 * whole[i]! - plain[i]!)) < 1e-4);
    const left = dropped.filter((y, i) => y === plain[i]);
    expect(kept.length + left.length).toBe(whole.length);
    expect(Math.min(kept.length, left.length)).toBeGreaterThan(whole.length / 4);
  });

  test.each(kinds)('on the input is another thing, and neither acts without keys: %s', (of) => {
    const whole = forward(of, undefined);
    expect(forward(of, { on: 'input' })).not.toEqual(whole);
    expect(forward(of, { on: 'input' })).not.toEqual(forward(of, {}));
    for (const on of ['input', 'output'] as const) {
      expect(forward(of, { on, streams: { keys: undefined } })).toEqual(whole);
      expect(forward(of, { on, rate: 0 })).toEqual(whole);
      expect(forward(of, { on, site: 1 })).not.toEqual(forward(of, { on }));
    }
  });
});

test.each(['input', 'output'] as const)('gradients equal the differences, dropout on the %s', (on) => {
  const dropout = { rate: 0.3, on, site: 0, streams: { keys: tensor(streamKeys(1, 2, ['a']), [1, 2]) } };
  const shapes = [[2, 4, 4, 3], [2, 2, 2, 2], [4, 2, 1, 1], [2]];
  const found = gradientErrors({
    name: 'injected',
    shapes,
    step: 2e-2,
    run: (...[x, down, up, selector]: Tensor[]) => {
      const base = new Conv2d('c', 4, 4, { kernelSize: 2, groups: 2, stride: [2, 1], bias: false });
      const layer = new LoraInjectedConv2d(base, { r: 2, selector: 'diagonal', dropout });
      const W = base.weight;
      const own = new Map([
        [W.name, tensor(normal('W', W.shape), [...W.shape])],
        ['c.lora_down.weight', down!],
        ['c.lora_up.weight', up!],
        ['c.lora_selector', selector!],
        ['c.lora_scale', scalar(0.75)],
      ]);
      layer.bindParameters(({ name }) => own.get(name)!);
      return layer.forward(x!);
    },
  });
  for (const { error } of found) expect(error).toBeLessThan(tolerances.finiteDifferences);
});

test('down is drawn as asked, up is zero', () => {
  const base = new Conv2d('net.conv', 64, 64, { kernelSize: 3, groups: 2 });
  const { geometry } = new LoraInjectedConv2d(base, { r: 16 });
  const drawn = initialFactors(geometry, 'normal', 1);
  const fanIn = 32 * 9;
  expect(drawn.down).toHaveLength(16 * fanIn);
  expect(drawn.up).toEqual(new Float32Array(64 * 16));
  const deviation = Math.sqrt(drawn.down.reduce((sum, x) => sum + x * x, 0) / drawn.down.length);
  expect(Math.abs(deviation * 16 - 1)).toBeLessThan(0.05);

  const { down } = initialFactors(geometry, 'kaiming', 1);
  const largest = Math.max(...down.map(Math.abs)) * Math.sqrt(fanIn);
  expect(largest).toBeLessThanOrEqual(1);
  expect(largest).toBeGreaterThan(0.99);
  expect(Math.abs(down.reduce((sum, x) => sum + x, 0) / down.length)).toBeLessThan(0.01);
  expect(initialFactors(geometry, 'kaiming', 1).down).toEqual(down);
  expect(initialFactors(geometry, 'kaiming', 2).down).not.toEqual(down);
});
