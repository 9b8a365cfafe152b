/** What objectives of classes share, whatever the inputs are: cross entropy over the classes, as a mean over all inputs. */
import { crossEntropy } from '#jit/ops/loss-head.js';
import type { Tensor } from '#jit/ops.js';
import type { ProgramInputs, ProgramSpec } from '#jit/trace.js';
import type { LoraModel } from '#lora/lora-model.js';
import { classLogits } from '#models/class-logits.js';
import { ClassTally } from '#training/objectives/class-tally.js';
import { classificationDeclaration } from '#training/objectives/declared/classification.js';
import type { Means, Objective, StepObjective } from '#training/objectives/objective.js';

/** What a step reads beside `count` inputs: their classes, and each input's part of the mean. */
export function labelSpec(count: number): ProgramSpec['data'] {
  return {
    labels: { shape: [count], dtype: 'int32' },
    labelWeights: { shape: [count], dtype: 'float32' },
  };
}

/** The weights of `count` inputs of a step of `total`; places without an input weigh nothing. */
export function labelWeights(places: number, count: number, total: number): Float32Array {
  return new Float32Array(places).fill(1 / Math.max(1, total), 0, count);
}

function lossOf({ model }: LoraModel, data: ProgramInputs['data']): { logits: Tensor; measures: Tensor } {
  const logits = classLogits(model, data);
  return { logits, measures: crossEntropy(logits, data['labels']!, data['labelWeights']!) };
}

export const classLoss = {
  measures: ['loss', 'accuracy'],
  forward: (model, data) => lossOf(model, data).measures,
  evaluate(model, data) {
    const { logits, measures } = lossOf(model, data);
    return { measures, outputs: { logits } };
  },
} as const satisfies Omit<StepObjective, 'dataSpec'>;

const accuracyOf = ({ accuracy }: Means) => ({ accuracy: accuracy! });

/** All of an objective of these classes but its inputs. */
export function classObjective(
  labels: readonly string[],
): Omit<Objective, 'graphKey' | 'dataSpec' | 'readBatch'> {
  return {
    ...classLoss,
    declaration: classificationDeclaration,
    stepMetrics: accuracyOf,
    evaluationMetrics: accuracyOf,
    newTally: () => new ClassTally(labels),
  };
}
