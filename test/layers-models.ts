/** Numbers for the models that tests of adapters on TensorFlow.js' own layers make. */
import type { LayersModel } from '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs';
import { sizeOf } from '#base/shapes.js';
import { normalAt, streamKey } from '#jit/random.js';

/** Normal numbers, others for every name. */
export function numbers(name: string, count: number): Float32Array {
  const key = streamKey(1, 0, name);
  return Float32Array.from({ length: count }, (_, i) => normalAt(key, i));
}

/** Gives every weight of a model numbers that matter; variances stay positive. */
export function randomize(model: LayersModel): void {
  const weights = model.weights.map(({ name, shape }, i) => {
    const sizes = shape as number[];
    const fanIn = sizeOf(sizes.slice(0, -1));
    const count = fanIn * (sizes.at(-1) ?? 1);
    const values = numbers(`weight ${i}`, count).map((x) =>
      /variance|gamma/.test(name) ? 1 + Math.abs(x) / 4 : x / Math.sqrt(fanIn),
    );
    return tf.tensor(values, sizes);
  });
  model.setWeights(weights);
  tf.dispose(weights);
}
