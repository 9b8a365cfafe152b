import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, test } from 'vitest';
import { sizeOf } from '#base/shapes.js';
import { injectLora, type InjectedLora } from '#layers-model/inject.js';
import { mergeLora } from '#layers-model/merge.js';
import { numbers, randomize } from '../../test/layers-models.js';
import { absoluteError, relativeError, tolerances } from '../../test/tolerances.js';

beforeAll(() => tf.setBackend('cpu'));

const { conv2d, dense } = tf.layers;
const image = { inputShape: [7, 6, 3], filters: 4, name: 'it' };

const layers: Readonly<Record<string, tf.layers.Layer>> = {
  'convolution, valid': conv2d({ ...image, kernelSize: 3 }),
  'convolution, same': conv2d({ ...image, kernelSize: [3, 2], padding: 'same', activation: 'relu' }),
  'convolution, valid, stride 2': conv2d({ ...image, kernelSize: 2, strides: 2, activation: 'elu' }),
  'convolution, same, strides 2 and 3': conv2d({
    ...image,
    kernelSize: 3,
    strides: [2, 3],
    padding: 'same',
    activation: 'softmax',
  }),
  'pointwise convolution without bias': conv2d({
    ...image,
    kernelSize: 1,
    useBias: false,
    activation: 'tanh',
  }),
  'convolution, channels first': conv2d({
    ...image,
    inputShape: [3, 7, 6],
    kernelSize: 3,
    strides: 2,
    dataFormat: 'channelsFirst',
    activation: 'relu',
  }),
  dense: dense({ inputShape: [5], units: 4, name: 'it' }),
  'dense, relu': dense({ inputShape: [5], units: 4, activation: 'relu', name: 'it' }),
  'dense on sequences, sigmoid, without bias': dense({
    inputShape: [2, 3, 5],
    units: 4,
    activation: 'sigmoid',
    useBias: false,
    name: 'it',
  }),
};

function modelOf(layer: tf.layers.Layer): { model: tf.LayersModel; x: tf.Tensor } {
  const model = tf.sequential({ layers: [layer] });
  randomize(model);
  const shape = [3, ...(layer.batchInputShape.slice(1) as number[])];
  return {
    model,
    x: tf.tensor(numbers('x', sizeOf(shape)), shape),
  };
}

/** Down and up become numbers that matter. */
function trainAtRandom(lora: InjectedLora): void {
  for (const [i, variable] of (lora.variables as tf.Variable[]).entries()) {
    const values = tf.tensor(numbers(`factor ${i}`, variable.size), variable.shape);
    variable.assign(tf.div(values, 3));
  }
}

const outputOf = (model: tf.LayersModel, x: tf.Tensor) => [...(model.predict(x) as tf.Tensor).dataSync()];

describe('an adapted layer', () => {
  test.each(Object.entries(layers))('answers as the merged one does: %s', async (_, layer) => {
    const { model, x } = modelOf(layer);
    const before = outputOf(model, x);
    const lora = injectLora(model, { r: 2, lora_alpha: 3, target_modules: ['it'] }, tf);
    expect(outputOf(model, x)).toEqual(before);
    trainAtRandom(lora);
    const adapted = outputOf(model, x);
    expect(absoluteError(adapted, before)).toBeGreaterThan(0.01);
    await mergeLora(lora);
    expect(relativeError(outputOf(model, x), adapted)).toBeLessThan(tolerances.mergedWeights);
  });

  test.each(Object.entries(layers))('has the gradient of the merged one: %s', (_, layer) => {
    const { model, x } = modelOf(layer);
    const lora = injectLora(model, { r: 2, lora_alpha: 3, target_modules: ['it'] }, tf);
    trainAtRandom(lora);
    const variables = lora.variables as tf.Variable[];
    const total = () => {
      const y = model.apply(x, { training: true }) as tf.Tensor;
      return tf.sum(tf.mul(y, tf.tensor(numbers('weights', y.size), y.shape))).asScalar();
    };
    const { grads } = tf.variableGrads(total, variables);
    for (const variable of variables) {
      const values = variable.dataSync().slice() as Float32Array;
      const at = (i: number, by: number) => {
        variable.assign(tf.tensor(values.with(i, values[i]! + by), variable.shape));
        return total().dataSync()[0]!;
      };
      const step = 1e-2;
      const differences = values.map((_, i) => (at(i, step) - at(i, -step)) / (2 * step));
      variable.assign(tf.tensor(values, variable.shape));
      const gradient = grads[variable.name]!.dataSync();
      expect(relativeError(gradient, differences)).toBeLessThan(tolerances.finiteDifferences);
    }
    lora.remove();
  });

  test('drops from its input while it trains, other places every time, and never otherwise', () => {
    const { model, x } = modelOf(dense({ inputShape: [5], units: 4, name: 'it' }));
    const lora = injectLora(
      model,
      { r: 2, lora_dropout: 0.5, init_lora_weights: false, target_modules: 'all-linear' },
      tf,
    );
    const training = () => [...(model.apply(x, { training: true }) as tf.Tensor).dataSync()];
    const whole = outputOf(model, x);
    expect(outputOf(model, x)).toEqual(whole);
    const first = training();
    expect(first).not.toEqual(whole);
    expect(training()).not.toEqual(first);
    lora.remove();
  });

  test('starts from factors as asked', () => {
    const { model } = modelOf(dense({ inputShape: [400], units: 50, name: 'it' }));
    const start = (init_lora_weights: boolean | 'gaussian') => {
      const lora = injectLora(model, { r: 8, init_lora_weights, target_modules: ['it'] }, tf);
      const [down, up] = (lora.variables as tf.Variable[]).map((variable) => [...variable.dataSync()]);
      lora.remove();
      return { down: down!, up: up! };
    };
    const kaiming = start(true);
    expect(Math.max(...kaiming.down.map(Math.abs)) * 20).toBeCloseTo(1, 2);
    expect(kaiming.up.every((value) => value === 0)).toBe(true);
    const { down } = start('gaussian');
    expect(Math.sqrt(down.reduce((sum, x) => sum + x * x, 0) / down.length) * 8).toBeCloseTo(1, 1);
    expect(start(false).up.some((value) => value !== 0)).toBe(true);
  });
});
