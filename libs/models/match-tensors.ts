/** Whether the tensors in the files of a model are those that it reads. */
import { LowrankError, UnsupportedError } from '#base/errors.js';
import { familyOf } from '#models/families/registry.js';
import type { LocatedTensor } from '#models/located-tensor.js';
import type { Model } from '#models/model.js';
import { isFloatDtype } from '#models/safetensors-dtype.js';

/** Files that lack tensors, have others, or have them in other shapes; every one is named. */
export class ModelWeightsError extends LowrankError {
  constructor(
    folder: string,
    problems: {
      readonly missing: readonly string[];
      readonly extra: readonly string[];
      readonly misshapen: readonly string[];
    },
    hint: string,
  ) {
    const parts = (['missing', 'misshapen', 'extra'] as const)
      .filter((kind) => problems[kind].length > 0)
      .map((kind) => `${kind}: ${problems[kind].join(', ')}`);
    super('weights_mismatch', `${folder}: the weights do not fit config.json (${parts.join('; ')})${hint}`, {
      details: { folder, ...problems },
    });
  }
}

/** Tensors that old exports carry and that transformers does not read either. */
const harmless = /(^|\.)rotary_emb\.inv_freq$/;

/**
 * Checks that the files of a folder hold what the model reads, in its shapes and in floats.
 *
 * Throws ModelWeightsError, and UnsupportedError for other dtypes.
 */
export function matchTensors(
  folder: string,
  model: Model,
  tensors: ReadonlyMap<string, LocatedTensor>,
): void {
  const known = new Map([...model.parameters()].map((parameter) => [parameter.name, parameter]));
  const missing: string[] = [];
  const misshapen: string[] = [];
  for (const { name, shape } of known.values()) {
    const entry = tensors.get(name)?.entry;
    if (entry === undefined) {
      if (!mayLack(model, name)) missing.push(`${name} ${shown(shape)}`);
    } else if (entry.shape.join() !== shape.join()) {
      misshapen.push(`${name} is ${shown(entry.shape)} and should be ${shown(shape)}`);
    } else if (!isFloatDtype(entry.dtype)) {
      throw new UnsupportedError(
        `${folder}: ${name} is stored as ${entry.dtype}; weights must be F32, BF16 or F16. If the model was quantized, take the folder that it was made from`,
        { folder, tensor: name, dtype: entry.dtype },
      );
    }
  }
  const { files: { ignored, otherParts } = {}, bodies } = familyOf(model.config);
  const otherHeads = model.config.bodyOf === undefined ? undefined : bodies?.otherHeads;
  const mayBeThere = [harmless, ignored, otherParts, otherHeads].filter((pattern) => pattern !== undefined);
  const tiedHead = model.tiedWeight?.otherName;
  const extra = [...tensors]
    .filter(
      ([name]) => !known.has(name) && !mayBeThere.some((pattern) => pattern.test(name)) && name !== tiedHead,
    )
    .map(([name, { entry }]) => `${name} ${shown(entry.shape)}`)
    .sort();
  if (missing.length + misshapen.length + extra.length === 0) return;
  const unprefixed = [...tensors.keys()].some((name) => known.has(`model.${name}`));
  throw new ModelWeightsError(
    folder,
    { missing, misshapen, extra },
    unprefixed
      ? `. The names lack "model.": the folder was saved from the model without its head; load and save it with AutoModelForCausalLM`
      : '',
  );
}

/** Whether the files of a model that has another head, or none, do without a parameter. */
function mayLack({ config, headLayers }: Model, name: string): boolean {
  if (config.bodyOf === undefined) return false;
  const isOfHead = headLayers.some((layer) => [...layer.parameters()].some((own) => own.name === name));
  return isOfHead || (familyOf(config).bodies?.lacks?.test(name) ?? false);
}

function shown(shape: readonly number[]): string {
  return `[${shape.join(', ')}]`;
}
