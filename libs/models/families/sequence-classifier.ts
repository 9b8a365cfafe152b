/** Decoders with a classification head, as transformers has them for most families. */
import { causalModel } from '#models/abilities.js';
import { DecoderClassifier, type TextClassifierConfig } from '#models/classifier.js';
import { defineFamily, type Family } from '#models/families/family.js';
import { readLabels } from '#models/families/labels.js';
import type { TextConfig } from '#models/model-config.js';

/** The family that classifies with a family's decoder; undefined where transformers has no class for it. */
export function sequenceClassifier(decoder: Family): Family | undefined {
  const { name, modelType, sequenceClassifier: architecture, defaultTargets, files } = decoder;
  if (architecture === undefined) return undefined;
  return defineFamily<TextClassifierConfig>({
    name,
    architecture,
    modelType,
    head: 'classify',
    defaultTargets,
    ...(files ? { files } : {}),
    parse: (reader) => ({ ...(decoder.parse(reader) as TextConfig), ...readLabels(reader) }),
    build: (config) => new DecoderClassifier(config, causalModel(decoder.build(config))),
  });
}
