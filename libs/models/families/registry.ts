/** The families that can be trained and run, a line each. */
import type { Decoder } from '#models/decoder.js';
import type { Family } from '#models/families/family.js';
import { llama } from '#models/families/llama.js';
import { mistral } from '#models/families/mistral.js';
import { qwen2 } from '#models/families/qwen2.js';
import type { ModelConfig } from '#models/model-config.js';

export const families: readonly Family[] = [llama, mistral, qwen2];

/** The tree of layers that a configuration describes. */
export function buildModel(config: ModelConfig): Decoder {
  return families.find(({ architecture }) => architecture === config.architecture)!.build(config);
}
