/** The families that can be trained and run, a line each. */
import { bert } from '#models/families/bert.js';
import { distilbert } from '#models/families/distilbert.js';
import type { Family } from '#models/families/family.js';
import { gemma } from '#models/families/gemma.js';
import { gemma2 } from '#models/families/gemma2.js';
import { gemma3 } from '#models/families/gemma3.js';
import { gemma3Wrapped } from '#models/families/gemma3-wrapped.js';
import { gemma4 } from '#models/families/gemma4.js';
import { gemma4Wrapped } from '#models/families/gemma4-wrapped.js';
import { gptNeox } from '#models/families/gpt-neox.js';
import { gpt2 } from '#models/families/gpt2.js';
import { granite } from '#models/families/granite.js';
import { olmo2 } from '#models/families/olmo2.js';
import { olmo3 } from '#models/families/olmo3.js';
import { phi } from '#models/families/phi.js';
import { phi3 } from '#models/families/phi3.js';
import { smollm3 } from '#models/families/smollm3.js';
import { starcoder2 } from '#models/families/starcoder2.js';
import { lfm2 } from '#models/families/lfm2.js';
import { llama } from '#models/families/llama.js';
import { ministral3 } from '#models/families/ministral3.js';
import { mistral } from '#models/families/mistral.js';
import { mistral3Wrapped } from '#models/families/mistral3-wrapped.js';
import { resnet } from '#models/families/resnet.js';
import { roberta } from '#models/families/roberta.js';
import { sequenceClassifier } from '#models/families/sequence-classifier.js';
import { vit } from '#models/families/vit.js';
import { qwen2 } from '#models/families/qwen2.js';
import { qwen3 } from '#models/families/qwen3.js';
import { qwen35 } from '#models/families/qwen3-5.js';
import { qwen35Wrapped } from '#models/families/qwen3-5-wrapped.js';
import type { ModelConfig } from '#models/model-config.js';
import type { Model } from '#models/model.js';

// prettier-ignore
const entries: readonly Family[] = [
  llama,
  mistral,
  ministral3,
  mistral3Wrapped,
  qwen2,
  qwen3,
  qwen35,
  qwen35Wrapped,
  gemma,
  gemma2,
  gemma3,
  gemma3Wrapped,
  gemma4,
  gemma4Wrapped,
  phi3,
  smollm3,
  olmo2,
  olmo3,
  granite,
  lfm2,
  gpt2,
  gptNeox,
  phi,
  starcoder2,
  bert,
  roberta,
  distilbert,
  vit,
  resnet,
];

/** Every architecture that is known: the families, and their decoders with a classification head. */
export const families: readonly Family[] = entries.flatMap((family) => [
  family,
  ...[sequenceClassifier(family) ?? []].flat(),
]);

/** The family that read a configuration. */
export function familyOf({ architecture }: ModelConfig): Family {
  return families.find((family) => family.architecture === architecture)!;
}

/** The tree of layers that a configuration describes. */
export function buildModel(config: ModelConfig): Model {
  return familyOf(config).build(config);
}
