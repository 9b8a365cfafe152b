import '@tensorflow/tfjs-backend-cpu';
import { beforeEach, describe, expect, test } from 'vitest';
import { setBackendNow, tensor } from '#jit/ops.js';
import { streamKeys } from '#jit/random.js';
import { parseLoraConfig } from '#lora/config.js';
import { geometryOf, layerKind } from '#lora/layer-kinds/registry.js';
import { targetModule, variantOf } from '#lora/variants/registry.js';
import { Conv2d } from '#nn/conv2d.js';
import { Embedding, Linear } from '#nn/layers.js';
import type { Module } from '#nn/module.js';
import { normal } from '../../../test/finite-differences.js';

beforeEach(() => setBackendNow('cpu'));

const ids = Int32Array.from({ length: 40 }, (_, i) => i % 8);
const layers = {
  linear: { base: new Linear('fc', 6, 8, true), x: () => tensor(normal('x', [7, 6]), [7, 6]) },
  embedding: { base: new Embedding('table', 8, 6), x: () => tensor(ids, [40]) },
  'grouped convolution': {
    base: new Conv2d('conv', 6, 8, { kernelSize: 3, groups: 2 }),
    x: () => tensor(normal('x', [2, 6, 5, 5]), [2, 6, 5, 5]),
  },
};

const config = parseLoraConfig({ lora_dropout: 0.5, lora_dropout_on: 'output' });

/** What a layer gives with weights of its own, dropping or not; without a scale as well, where it gives its base. */
function outputOf(base: Module, x: ReturnType<typeof tensor>, scale: number, drops: boolean): number[] {
  const target = targetModule(base.path, geometryOf(base)!, { r: 4, loraAlpha: 4, scale }, variantOf(config));
  const keys = drops ? tensor(streamKeys(1, 2, ['a']), [1, 2]) : undefined;
  const run = { dropout: config.lora_dropout, site: 0, streams: { keys } };
  const layer = layerKind(target).wrap(base, target, run, variantOf(config).forward) as Module & {
    forward(x: unknown): ReturnType<typeof tensor>;
  };
  layer.bindParameters(({ name, shape }) => tensor(normal(name, shape), [...shape]));
  return Array.from(layer.forward(x).dataSync());
}

test('a configuration asks for it by lora_dropout_on', () => {
  expect(variantOf(config).name).toBe('output-dropout');
  expect(variantOf(parseLoraConfig({ lora_dropout: 0.5 })).name).toBe('lora');
});

describe.each(Object.entries(layers))('%s', (_, { base, x }) => {
  test('drops of what the factors give: the base alone is left there, and the rest is doubled', () => {
    const plain = outputOf(base, x(), 0, false);
    const whole = outputOf(base, x(), 1.5, false);
    const dropped = outputOf(base, x(), 1.5, true);
    const kept = dropped.filter((y, i) => Math.abs(y - (2 * whole[i]! - plain[i]!)) < 1e-4);
    const left = dropped.filter((y, i) => y === plain[i]);
    expect(kept.length + left.length).toBe(whole.length);
    expect(Math.min(kept.length, left.length)).toBeGreaterThan(whole.length / 5);
  });
});
