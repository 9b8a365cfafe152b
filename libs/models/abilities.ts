/** What a model can do, asked before something is done that not every model can. */
import { UnsupportedError } from '#base/errors.js';
import type { ImageClassifier, TextClassifier } from '#models/classifier.js';
import type { Decoder } from '#models/decoder.js';
import type { Model, TextModel } from '#models/model.js';

const isCausal = (model: Model): model is Decoder => model.head === 'causal';
const readsText = (model: Model): model is TextModel => model.inputs === 'tokens';

/**
 * The model as one that predicts the next token; `purpose` says what needs it.
 *
 * Throws UnsupportedError for a model with another head.
 */
export function causalModel(model: Model, purpose = 'this'): Decoder {
  if (isCausal(model)) return model;
  throw notOfKind(model, purpose, 'predicts the next token');
}

/**
 * The model as one that reads tokens; `purpose` says what needs it.
 *
 * Throws UnsupportedError for a model that reads something else.
 */
export function textModel(model: Model, purpose: string): TextModel {
  if (readsText(model)) return model;
  throw notOfKind(model, purpose, 'reads texts');
}

/**
 * The model as one that classifies texts; `purpose` says what needs it.
 *
 * Throws UnsupportedError for a model that reads something else or has another head.
 */
export function textClassifier(model: Model, purpose = 'this'): TextClassifier {
  if (readsText(model) && model.head === 'classify') return model as TextClassifier;
  throw notOfKind(model, purpose, 'classifies texts');
}

/**
 * The model as one that classifies images; `purpose` says what needs it.
 *
 * Throws UnsupportedError for a model that reads something else or has another head.
 */
export function imageClassifier(model: Model, purpose = 'this'): ImageClassifier {
  if (model.inputs === 'images' && model.head === 'classify') return model as ImageClassifier;
  throw notOfKind(model, purpose, 'classifies images');
}

const deeds = { causal: 'predicts the next token', classify: 'classifies' } as const;
const objects = { tokens: 'texts', images: 'images' } as const;

function notOfKind({ config, head, inputs }: Model, purpose: string, needed: string): UnsupportedError {
  const { architecture } = config;
  const does = head === 'causal' ? deeds[head] : `${deeds[head]} ${objects[inputs]}`;
  return new UnsupportedError(`${purpose} needs a model that ${needed}, and ${architecture} ${does}`, {
    architecture,
    head,
    inputs,
  });
}
