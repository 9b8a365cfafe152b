/** Folds an adapter into the kernels of its `tf.LayersModel`. */
import { LowrankError } from '#base/errors.js';
import type { InjectedLora } from '#layers-model/inject.js';
import type { TfLayersModel, TfTensor } from '#layers-model/tensorflow.js';

/**
 * Adds the update to every kernel, as strong as it is set, takes the adapter off and returns the model: a plain one
 * again, that answers as it did with the adapter, and that `model.save` writes and `tf.loadLayersModel` reads.
 *
 * Throws `delta_not_finite`, and then no kernel has been touched.
 */
export async function mergeLora<M extends TfLayersModel>(lora: InjectedLora<M>): Promise<M> {
  const { tf, model, layers } = lora;
  const merged: TfTensor[] = [];
  try {
    for (const layer of layers) {
      const { path } = layer.target;
      const numbers = await layer.mergedKernel();
      if (numbers.every(Number.isFinite)) {
        merged.push(tf.tensor(numbers, [...layer.target.kernelShape], 'float32'));
        continue;
      }
      throw new LowrankError(
        'delta_not_finite',
        `the update of ${path} holds NaN or infinity; merging it would corrupt the weight`,
        { details: { module: path } },
      );
    }
    for (const [i, { target }] of layers.entries()) {
      target.layer.setWeights([merged[i]!, ...target.layer.getWeights().slice(1)]);
    }
  } finally {
    for (const kernel of merged) kernel.dispose();
  }
  lora.remove();
  return model;
}
