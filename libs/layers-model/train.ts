/** Trains an adapter of a `tf.LayersModel`: nothing but its factors changes. */
import { LowrankError } from '#base/errors.js';
import { streamKey, uniformAt } from '#jit/random.js';
import type { InjectedLora } from '#layers-model/inject.js';
import {
  type LossFunction,
  type LossName,
  lossNames,
  type TfOptimizer,
  type TfTensor,
  tidy,
} from '#layers-model/tensorflow.js';

/** Examples along the first axis, in the form in which the model's `fit` takes them. */
export interface LoraExamples {
  readonly x: TfTensor;
  readonly y: TfTensor;
}

/** What `onStep` is told. */
export interface LoraStep {
  /** From 1. */
  readonly step: number;
  readonly steps: number;
  /** From 1. */
  readonly epoch: number;
  readonly loss: number;
}

export interface TrainLoraOptions {
  /** A loss of `tf.metrics` by name, or a function of (expected, predicted); default: what the model was compiled with. */
  readonly loss?: LossName | LossFunction;
  /** Default 1. */
  readonly epochs?: number;
  /** Default 32. */
  readonly batchSize?: number;
  /** Of Adam; default 0.001. */
  readonly learningRate?: number;
  /** In the place of Adam; the caller disposes of it. */
  readonly optimizer?: TfOptimizer;
  /** Default true: another order in every epoch, the same for the same seed. */
  readonly shuffle?: boolean;
  readonly onStep?: (step: LoraStep) => void | Promise<void>;
}

/**
 * Trains and returns the loss of every step.
 *
 * Layers such as Dropout act as in training; statistics of batch normalisation stay as they are. Throws LowrankError
 * `loss_missing`, `examples_invalid` and `loss_not_finite`.
 */
export async function trainLora(
  lora: InjectedLora,
  { x, y }: LoraExamples,
  options: TrainLoraOptions = {},
): Promise<{ readonly losses: readonly number[] }> {
  const { tf, model, variables } = lora;
  const { epochs = 1, batchSize = 32, learningRate = 1e-3, shuffle = true, onStep } = options;
  const loss = lossOf(lora, options.loss);
  const count = x.shape[0] ?? 0;
  if (count === 0 || y.shape[0] !== count) {
    throw new LowrankError(
      'examples_invalid',
      `x has ${count} examples and y has ${y.shape[0] ?? 0}: they must have the same length, at least 1`,
    );
  }
  const optimizer = options.optimizer ?? tf.train.adam(learningRate);
  const perEpoch = Math.ceil(count / batchSize);
  const losses: number[] = [];
  try {
    for (let epoch = 0; epoch < epochs; epoch++) {
      const order = shuffle
        ? shuffled(count, lora.seed, epoch)
        : Int32Array.from({ length: count }, (_, i) => i);
      for (let first = 0; first < count; first += batchSize) {
        const rows = order.subarray(first, first + batchSize);
        const cost = tidy(tf, () => {
          const picked = tf.tensor(rows.slice(), [rows.length], 'int32');
          const [images, expected] = [tf.gather(x, picked), tf.gather(y, picked)];
          const forward = () => model.apply(images, { training: true }) as TfTensor;
          return optimizer.minimize(() => tf.mean(loss(expected, forward())), true, variables)!;
        });
        const value = (await cost.data())[0]!;
        cost.dispose();
        losses.push(value);
        const step = losses.length;
        if (!Number.isFinite(value)) {
          throw new LowrankError(
            'loss_not_finite',
            `the loss of step ${step} is ${value}: use a smaller learningRate than ${learningRate}`,
            { details: { step } },
          );
        }
        await onStep?.({ step, steps: epochs * perEpoch, epoch: epoch + 1, loss: value });
      }
    }
  } finally {
    if (!options.optimizer) optimizer.dispose();
  }
  return { losses };
}

function lossOf({ tf, model }: InjectedLora, wanted: TrainLoraOptions['loss']): LossFunction {
  if (typeof wanted === 'function') return wanted;
  if (wanted !== undefined && lossNames.includes(wanted)) return tf.metrics[wanted];
  // A sequential model keeps what it was compiled with in a model of its own.
  const { model: inner = model } = model as { readonly model?: object };
  const compiled = (inner as { readonly lossFunctions?: readonly LossFunction[] }).lossFunctions;
  if (wanted === undefined && compiled?.length === 1) return compiled[0]!;
  throw new LowrankError(
    'loss_missing',
    wanted === undefined
      ? `the model was not compiled with one loss: give loss, one of ${lossNames.join(', ')} or a function`
      : `the loss ${wanted} is not known: give one of ${lossNames.join(', ')} or a function`,
  );
}

/** The numbers below `count` in an order of the epoch's own (Fisher and Yates). */
function shuffled(count: number, seed: number, epoch: number): Int32Array {
  const key = streamKey(seed, epoch, 'order of examples');
  const order = Int32Array.from({ length: count }, (_, i) => i);
  for (let i = count - 1; i > 0; i--) {
    const j = Math.floor(uniformAt(key, i) * (i + 1));
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}
