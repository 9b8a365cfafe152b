/** Classification of texts and images: cross entropy over the classes, as a mean over all inputs. */
import { crossEntropy } from '#jit/ops/loss-head.js';
import type { ProgramSpec } from '#jit/trace.js';
import { classLogits } from '#models/class-logits.js';
import type { StepObjective } from '#training/objectives/objective.js';

/**
 * The step of a classification of `count` inputs, read as `inputs` says: beside them a step reads `labels`, int32 [count],
 * and `labelWeights`, f32 [count], each input's part of the mean.
 */
export function classificationStep(inputs: ProgramSpec['data'], count: number): StepObjective {
  return {
    measures: ['loss', 'accuracy'],
    dataSpec: () => ({
      ...inputs,
      labels: { shape: [count], dtype: 'int32' },
      labelWeights: { shape: [count], dtype: 'float32' },
    }),
    forward: ({ model }, data) =>
      crossEntropy(classLogits(model, data), data['labels']!, data['labelWeights']!),
  };
}
