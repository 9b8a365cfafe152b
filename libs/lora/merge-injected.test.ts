import '@tensorflow/tfjs-backend-cpu';
import { describe, expect, test } from 'vitest';
import { LoraInjectedConv2d } from '#lora/lora-injected-conv2d.js';
import { mergeWeight, unmergeWeight } from '#lora/merge-injected.js';
import { Conv2d } from '#nn/conv2d.js';
import {
  bases,
  factorsOf,
  inject,
  inputs,
  kinds,
  type Layer,
  numbersOf,
  outputOf,
  strided,
} from '../../test/injected-layer.js';
import { relativeError, tolerances } from '../../test/tolerances.js';

describe.each(['compiled', 'eager'])('an injected layer, %s,', (kind) => {
  test.each(kinds)('answers as its base does with the merged weight: %s', async (of) => {
    const layer = inject(bases[of](), { r: 4 });
    const adapted = await outputOf(kind, layer, inputs[of], numbersOf(layer), 0.75);
    const numbers = numbersOf(bases[of]());
    const W = numbers.get(`${layer.path}.weight`)!;
    const factors = factorsOf(layer, 0.75);
    const merged = mergeWeight(W, factors, layer.geometry);
    numbers.set(`${layer.path}.weight`, merged);
    const answer = await outputOf(kind, bases[of](), inputs[of], numbers);
    expect(relativeError(answer, adapted)).toBeLessThan(tolerances.mergedWeights);
    expect(relativeError(unmergeWeight(merged, factors, layer.geometry), W)).toBeLessThan(1e-6);
  });
});

describe('merging into a grouped convolution', () => {
  const grouped = (groups: number) => new Conv2d('net.conv', 6, 8, { ...strided, groups });
  const weightOf = (layer: Layer) => numbersOf(layer).get(`${layer.path}.weight`)!;

  test('is refused with the channels that mix, unless it is ungrouped', async () => {
    const layer = new LoraInjectedConv2d(grouped(2), { r: 4 });
    const factors = factorsOf(layer, 0.75);
    const W = weightOf(layer.base as Conv2d);
    expect(() => mergeWeight(W, factors, layer.geometry)).toThrow(
      expect.objectContaining({
        code: 'delta_mixes_groups',
        details: { module: 'net.conv', channel: 0, group: 0, takesFrom: 1 },
      }),
    );
    const whole = new Conv2d('net.conv', 6, 8, strided);
    const numbers = numbersOf(whole);
    numbers.set('net.conv.weight', mergeWeight(W, factors, layer.geometry, { ungroup: true }));
    const answer = await outputOf('compiled', whole, inputs.conv2d, numbers);
    const adapted = await outputOf('compiled', layer, inputs.conv2d, numbersOf(layer), 0.75);
    expect(relativeError(answer, adapted)).toBeLessThan(tolerances.mergedWeights);
  });

  test('is done where the update keeps to the groups', async () => {
    const layer = new LoraInjectedConv2d(grouped(2), { r: 4, upGroups: 2 });
    const numbers = numbersOf(layer.base as Conv2d);
    const factors = factorsOf(layer, 0.75);
    expect(factors.up).toHaveLength(8 * 2);
    numbers.set('net.conv.weight', mergeWeight(weightOf(layer.base as Conv2d), factors, layer.geometry));
    const answer = await outputOf('compiled', grouped(2), inputs.conv2d, numbers);
    const adapted = await outputOf('compiled', layer, inputs.conv2d, numbersOf(layer), 0.75);
    expect(relativeError(answer, adapted)).toBeLessThan(tolerances.mergedWeights);

    const ungroupedUp = new LoraInjectedConv2d(grouped(2), { r: 4 });
    const W = weightOf(ungroupedUp.base as Conv2d);
    const apart = factorsOf(ungroupedUp, 1);
    // Row o of up reads the channels of its own half only.
    const kept = apart.up.map((value, i) => (Math.floor(i / 16) === Math.floor((i % 4) / 2) ? value : 0));
    const fits = { ...apart, up: kept };
    expect(mergeWeight(W, fits, ungroupedUp.geometry)).not.toEqual(W);
    expect(mergeWeight(W, { ...apart, up: kept.map(() => 0) }, ungroupedUp.geometry)).toEqual(W);
  });

  test('is refused for an update that is not finite', () => {
    const layer = new LoraInjectedConv2d(grouped(1), { r: 4 });
    const factors = { ...factorsOf(layer, 1), scale: NaN };
    expect(() => mergeWeight(weightOf(layer.base as Conv2d), factors, layer.geometry)).toThrow(
      expect.objectContaining({ code: 'delta_not_finite' }),
    );
  });
});
