/** Logits of the classes of texts or images, whichever a model reads. */
import type { Tensor } from '#jit/ops.js';
import { imageClassifier, textClassifier } from '#models/abilities.js';
import type { Model } from '#models/model.js';

const purpose = 'telling classes apart';

/** Logits [inputs, classes] of what a step reads by name: `pixels`, or the fields of `TextInputs`. */
export function classLogits(model: Model, data: Readonly<Record<string, Tensor>>): Tensor {
  if (model.inputs === 'images') return imageClassifier(model, purpose).classify(data['pixels']!);
  return textClassifier(model, purpose).classify({
    tokens: data['tokens']!,
    positions: data['positions']!,
    segments: data['segments']!,
    tokenTypes: data['tokenTypes']!,
    pooledRows: data['pooledRows']!,
  });
}
