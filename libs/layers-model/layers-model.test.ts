import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { layersModelFolder } from '#layers-model/folder.js';
import { injectLora } from '#layers-model/inject.js';
import { mergeLora } from '#layers-model/merge.js';
import type { LayersLoraConfig } from '#layers-model/targets.js';
import { trainLora } from '#layers-model/train.js';
import { numbers, randomize } from '../../test/layers-models.js';
import { relativeError, tolerances } from '../../test/tolerances.js';

let folder: string;
beforeAll(async () => {
  await tf.setBackend('cpu');
  folder = await mkdtemp(join(tmpdir(), 'layers-model-'));
});
afterAll(() => rm(folder, { recursive: true }));

const names = { conv1: 'stem', conv2: 'body', head: 'head' };

/** Images [10, 8, 2] to three classes. */
function imageModel(): tf.LayersModel {
  const { layers } = tf;
  const model = tf.sequential({
    layers: [
      layers.conv2d({
        name: names.conv1,
        inputShape: [10, 8, 2],
        filters: 6,
        kernelSize: 3,
        strides: 2,
        padding: 'same',
        activation: 'relu',
      }),
      layers.batchNormalization({ name: 'norm' }),
      layers.conv2d({ name: names.conv2, filters: 8, kernelSize: [2, 3], padding: 'valid' }),
      layers.activation({ name: 'bend', activation: 'tanh' }),
      layers.dropout({ name: 'drop', rate: 0.1, seed: 7 }),
      layers.globalAveragePooling2d({ name: 'pool' }),
      layers.dense({ name: names.head, units: 3, activation: 'softmax' }),
    ],
  });
  randomize(model);
  return model;
}

/** Images whose class is told by the sign of two of their means. */
function examples(count: number): { x: tf.Tensor; y: tf.Tensor } {
  const size = 10 * 8 * 2;
  const noise = numbers('images', count * size);
  const classes = Array.from({ length: count }, (_, i) => i % 3);
  const x = noise.map((value, i) => {
    const kind = classes[Math.floor(i / size)]!;
    return value / 2 + (i % 2 === 0 ? Number(kind === 1) : Number(kind === 2));
  });
  return { x: tf.tensor(x, [count, 10, 8, 2]), y: tf.oneHot(tf.tensor1d(classes, 'int32'), 3) };
}

const config: LayersLoraConfig = { r: 3, lora_alpha: 6, target_modules: ['Conv2D', 'Dense'] };
const answer = (model: tf.LayersModel, x: tf.Tensor) =>
  tf.tidy(() => [...(model.predict(x) as tf.Tensor).dataSync()]);
const weightsOf = (model: tf.LayersModel) => model.getWeights().map((weight) => [...weight.dataSync()]);

describe('an adapter on a convolutional model', () => {
  test('trains, leaves the model alone, merges, and answers the same from a folder and by HTTP', async () => {
    const model = imageModel();
    const { x, y } = examples(24);
    const [before, frozen] = [answer(model, x), weightsOf(model)];
    const { numTensors } = tf.memory();

    const lora = injectLora(model, { ...config, lora_dropout: 0.05 }, tf);
    expect(lora.trainableParameters).toBe(3 * (3 * 3 * 2 + 6) + 3 * (2 * 3 * 6 + 8) + 3 * (8 + 3));
    expect(answer(model, x)).toEqual(before);
    const steps: number[] = [];
    const { losses } = await trainLora(
      lora,
      { x, y },
      {
        loss: 'categoricalCrossentropy',
        epochs: 12,
        batchSize: 8,
        learningRate: 0.02,
        onStep: ({ step }) => void steps.push(step),
      },
    );
    expect(steps).toEqual(Array.from({ length: 36 }, (_, i) => i + 1));
    const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
    expect(mean(losses.slice(-3))).toBeLessThan(0.5 * mean(losses.slice(0, 3)));
    expect(weightsOf(model)).toEqual(frozen);

    const adapted = answer(model, x);
    expect(relativeError(adapted, before)).toBeGreaterThan(0.1);
    lora.setStrength(0);
    expect(answer(model, x)).toEqual(before);
    lora.setStrength(1);
    expect(answer(model, x)).toEqual(adapted);

    const merged = await mergeLora(lora);
    expect(merged).toBe(model);
    expect(tf.memory().numTensors).toBe(numTensors);
    expect(weightsOf(model)).not.toEqual(frozen);
    expect(relativeError(answer(model, x), adapted)).toBeLessThan(tolerances.mergedWeights);

    await model.save(layersModelFolder(folder));
    const again = await tf.loadLayersModel(layersModelFolder(folder));
    expect(relativeError(answer(again, x), adapted)).toBeLessThan(tolerances.mergedWeights);
    // TensorFlow.js' own reader of model.json.
    const server = createServer((request, response) => {
      void readFile(join(folder, request.url!)).then((bytes) => response.end(bytes));
    }).listen(0, '127.0.0.1');
    await new Promise((listening) => server.once('listening', listening));
    const { port } = server.address() as AddressInfo;
    const fetched = await tf.loadLayersModel(`http://127.0.0.1:${port}/model.json`);
    server.closeAllConnections();
    await new Promise((closed) => server.close(closed));
    expect(answer(fetched, x)).toEqual(answer(again, x));
  });

  test('can be taken off', async () => {
    const model = imageModel();
    const { x, y } = examples(6);
    const before = answer(model, x);
    const { numTensors } = tf.memory();
    const lora = injectLora(model, config, tf);
    expect(() => injectLora(model, config, tf)).toThrow(expect.objectContaining({ code: 'already_adapted' }));
    await trainLora(lora, { x, y }, { loss: 'meanSquaredError' });
    expect(answer(model, x)).not.toEqual(before);
    lora.remove();
    expect(answer(model, x)).toEqual(before);
    expect(tf.memory().numTensors).toBe(numTensors);
    injectLora(model, config, tf).remove();
  });

  test('reaches into models inside the model', async () => {
    const inner = imageModel();
    const input = tf.input({ shape: [10, 8, 2] });
    const output = tf.layers.dense({ units: 2 }).apply(inner.apply(input)) as tf.SymbolicTensor;
    const model = tf.model({ inputs: input, outputs: output });
    randomize(model);
    const { x } = examples(6);
    const y = tf.ones([6, 2]);
    const lora = injectLora(model, { r: 2, target_modules: [names.conv2] }, tf);
    const { losses } = await trainLora(
      lora,
      { x, y },
      { loss: 'meanSquaredError', epochs: 15, learningRate: 0.05 },
    );
    expect(losses.at(-1)).toBeLessThan(0.9 * losses[0]!);
    const adapted = answer(model, x);
    await mergeLora(lora);
    expect(relativeError(answer(model, x), adapted)).toBeLessThan(tolerances.mergedWeights);
  });

  test('repeats a training of the same seed, dropout included', async () => {
    const run = async (seed: number) => {
      const model = tf.sequential({
        layers: [
          tf.layers.flatten({ inputShape: [10, 8, 2] }),
          tf.layers.dense({ units: 8, activation: 'elu' }),
          tf.layers.dense({ units: 3, activation: 'softmax' }),
        ],
      });
      randomize(model);
      const lora = injectLora(model, { r: 2, lora_dropout: 0.3, target_modules: 'all-linear', seed }, tf);
      return (
        await trainLora(lora, examples(12), { loss: 'categoricalCrossentropy', batchSize: 4, epochs: 2 })
      ).losses;
    };
    const first = await run(1);
    expect(first).toHaveLength(6);
    expect(await run(1)).toEqual(first);
    expect(await run(2)).not.toEqual(first);
  });
});

describe('training', () => {
  const small = () => injectLora(imageModel(), config, tf);

  test('takes the loss that the model was compiled with, a function, or one by name', async () => {
    const data = examples(4);
    const lora = small();
    await expect(trainLora(lora, data)).rejects.toThrow(expect.objectContaining({ code: 'loss_missing' }));
    await expect(trainLora(lora, data, { loss: 'hinge' as never })).rejects.toThrow(
      'the loss hinge is not known',
    );
    lora.model.compile({ optimizer: 'sgd', loss: 'meanSquaredError' });
    const compiled = (await trainLora(lora, data)).losses;
    const options = { loss: (y: tf.Tensor, p: tf.Tensor) => tf.mean(tf.square(tf.sub(p, y)), -1) };
    const own = (await trainLora(small(), data, options)).losses;
    const named = (await trainLora(small(), data, { loss: 'meanSquaredError' })).losses;
    for (const losses of [own, named]) expect(losses[0]! / compiled[0]!).toBeCloseTo(1, 5);
  });

  test('takes an optimizer and leaves it to its owner', async () => {
    const lora = small();
    const up = [...(lora.layers[0]!.up as tf.Variable).dataSync()];
    const optimizer = tf.train.sgd(0.1);
    await trainLora(lora, examples(4), { loss: 'meanSquaredError', optimizer });
    expect([...(lora.layers[0]!.up as tf.Variable).dataSync()]).not.toEqual(up);
    await trainLora(lora, examples(4), { loss: 'meanSquaredError', optimizer, shuffle: false });
    optimizer.dispose();
  });

  test('names examples that do not go together, and a loss that is no number', async () => {
    const { x } = examples(4);
    const { y } = examples(3);
    await expect(trainLora(small(), { x, y }, { loss: 'meanSquaredError' })).rejects.toThrow(
      expect.objectContaining({ code: 'examples_invalid' }),
    );
    const broken = { x: tf.mul(x, NaN), y: examples(4).y };
    const lora = small();
    await expect(trainLora(lora, broken, { loss: 'meanSquaredError' })).rejects.toThrow(
      expect.objectContaining({ code: 'loss_not_finite' }),
    );
    const frozen = weightsOf(lora.model);
    // Nor does such an adapter get into the model.
    await trainLora(lora, broken, { loss: 'meanSquaredError' }).catch(() => undefined);
    await expect(mergeLora(lora)).rejects.toThrow(expect.objectContaining({ code: 'delta_not_finite' }));
    expect(weightsOf(lora.model)).toEqual(frozen);
  });
});

test('a folder that is no model is named, and so is one that points outside', async () => {
  const other = join(folder, 'other');
  await mkdir(other);
  await writeFile(join(other, 'model.json'), '{}');
  const handler = layersModelFolder(other);
  await expect(handler.load()).rejects.toThrow(expect.objectContaining({ code: 'model_json_invalid' }));
  const manifest = [{ paths: ['../secret.bin'], weights: [] }];
  await writeFile(
    join(other, 'model.json'),
    JSON.stringify({ modelTopology: {}, weightsManifest: manifest }),
  );
  await expect(handler.load()).rejects.toThrow('../secret.bin');
});
