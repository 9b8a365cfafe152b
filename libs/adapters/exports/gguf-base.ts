/** Base models of llama.cpp. */
import { UnsupportedError } from '#base/errors.js';
import { familyOf } from '#models/families/registry.js';
import type { GgufModel } from '#models/gguf/gguf-model.js';
import type { ModelFolder } from '#models/model-folder.js';

/** What llama.cpp calls the base. Throws UnsupportedError where it has no such models. */
export function ggufOf({ config }: ModelFolder, name: string): GgufModel {
  const { head, gguf, name: family } = familyOf(config);
  const model = head === 'causal' ? gguf?.(config) : undefined;
  if (model) return model;
  throw new UnsupportedError(
    head === 'causal'
      ? `${name} cannot be exported as GGUF: ${family} models are not written for llama.cpp. Export it merged as safetensors`
      : `${name} cannot be exported as GGUF: it tells classes apart, which llama.cpp does not do. Export it merged as safetensors`,
    { architecture: config.architecture },
  );
}
