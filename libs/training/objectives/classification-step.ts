/** Classification of texts and images: cross entropy over the classes, as a mean over all inputs. */
import { crossEntropy } from '#jit/ops/loss-head.js';
import type { Tensor } from '#jit/ops.js';
import type { ProgramInputs, ProgramSpec } from '#jit/trace.js';
import { imageClassifier, textClassifier } from '#models/abilities.js';
import type { Model } from '#models/model.js';
import type { StepObjective } from '#training/objectives/objective.js';

const purpose = 'classification';

/** Logits [inputs, classes] of what a step reads: `pixels`, or what {@link TextClassifier.classify} takes. */
export function classLogits(model: Model, data: ProgramInputs['data']): Tensor {
  if (model.inputs === 'images') return imageClassifier(model, purpose).classify(data['pixels']!);
  return textClassifier(model, purpose).classify({
    tokens: data['tokens']!,
    positions: data['positions']!,
    segments: data['segments']!,
    tokenTypes: data['tokenTypes']!,
    pooledRows: data['pooledRows']!,
  });
}

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
