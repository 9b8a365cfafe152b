/** The weight file of an adapter: its tensors by the layers that they belong to. */
import { UnsupportedError } from '#base/errors.js';
import { AdapterError } from '#adapters/adapter.js';
import { type AdapterTensor, KEY_PREFIX } from '#lora/target-module.js';
import { isFloatDtype } from '#models/safetensors-dtype.js';
import type { SafetensorsFile, TensorEntry } from '#models/safetensors.js';

/** The tensors of an adapter by the paths of their layers, and there by their names without PyTorch's `.weight`. */
export type FileLayers = ReadonlyMap<string, ReadonlyMap<string, TensorEntry>>;

/** With the name of the adapter, `default`, where a whole state dict was saved instead of `save_pretrained`. */
const loraKey = /^(.+)\.(lora_\w+?)(?:\.([^.]+))??(?:\.(weight|bias))?$/;

interface KeyParts {
  readonly path: string;
  readonly local: string;
  /** Undefined where the key has no place for it. */
  readonly adapter: string | undefined;
}

function partsOf(key: string): KeyParts | undefined {
  if (!key.startsWith(KEY_PREFIX)) return undefined;
  const rest = key.slice(KEY_PREFIX.length);
  const [, path, name, adapter = '', kind] = loraKey.exec(rest) ?? [];
  if (path !== undefined) return { path, local: kind === 'bias' ? `${name}.bias` : name!, adapter };
  // A weight of the base: of a layer that has an update too, or trained whole.
  const [, owner, local] = /^(.+?)\.((?:base_layer\.)?[^.]+)$/.exec(rest) ?? [];
  return owner === undefined ? undefined : { path: owner, local: local!, adapter: undefined };
}

/** A tensor of an adapter in its file, if it is there. */
export function entryOf(layers: FileLayers, { key }: AdapterTensor): TensorEntry | undefined {
  const { path, local } = partsOf(key)!;
  return layers.get(path)?.get(local);
}

/** Tensors that PEFT saves for options that are not done here. */
const otherTensors: readonly [pattern: RegExp, what: string][] = [
  [/\.lora_/, 'a variant of LoRA'],
  [/\.base_layer\./, 'a copy of the base layer'],
  [/\.(weight|bias)$/, 'a whole module or bias (modules_to_save, bias)'],
];

/**
 * Tensors that an adapter does not need: weights of the base, which nobody has trained, and second copies.
 *
 * PEFT saves the weights of the input and the output embedding beside an update of the former. With `bias: all` it saves the
 * biases of modules that are trained whole three times: as those of the module, and inside its wrapper.
 */
function needlessTensors(file: SafetensorsFile, isKnown: (local: string) => boolean): ReadonlySet<string> {
  const keys = [...file.tensors.keys()];
  const adaptsEmbedding = keys.some((key) => key.includes('.lora_embedding_'));
  const isBaseWeight = (key: string) => {
    const { adapter, local = '' } = partsOf(key) ?? {};
    return adapter === undefined && local.endsWith('weight') && !isKnown(local);
  };
  const isSecondCopy = (key: string) => {
    const [, path, name] = /^(.+)\.(?:original_module|modules_to_save)\.(.+)$/.exec(key) ?? [];
    return path !== undefined && file.tensors.has(`${path}.${name}`);
  };
  return new Set(keys.filter((key) => (adaptsEmbedding && isBaseWeight(key)) || isSecondCopy(key)));
}

/** DeepSpeed's ZeRO-3 keeps parameters in pieces; whoever saves without gathering them writes tensors of no size. */
function refuseEmptyTensors(folder: string, file: SafetensorsFile): void {
  const empty = [...file.tensors].filter(([, { shape }]) => shape.includes(0)).map(([name]) => name);
  if (empty.length === 0) return;
  throw new AdapterError(
    'adapter_incomplete',
    folder,
    `${empty.length} of ${file.tensors.size} tensors are empty: it was saved without its weights (DeepSpeed ZeRO-3). ` +
      'Save it again with "stage3_gather_16bit_weights_on_model_save": true in the DeepSpeed configuration, or make it ' +
      'from a checkpoint with zero_to_fp32.py',
    { details: { empty } },
  );
}

function refuseOtherTensors(
  folder: string,
  file: SafetensorsFile,
  isKnown: (local: string, key: string) => boolean,
): void {
  for (const [name, { dtype, shape }] of file.tensors) {
    if (!name.startsWith(KEY_PREFIX)) continue;
    const parts = partsOf(name);
    if (parts === undefined || !isKnown(parts.local, name)) {
      const what = otherTensors.find(([pattern]) => pattern.test(name))?.[1];
      if (what === undefined) continue;
      throw new UnsupportedError(
        `adapter ${folder}: tensor ${name} belongs to ${what}, which is not supported`,
        { folder, tensor: name },
      );
    }
    if (!(isFloatDtype(dtype) || dtype === 'F64')) {
      throw new UnsupportedError(
        `adapter ${folder}: tensor ${name} is [${shape.join(', ')}] of ${dtype}; factors must be of F32, BF16, F16 or F64: save it in one of these`,
        { folder, tensor: name, shape, dtype },
      );
    }
  }
}

/**
 * Groups the tensors of an adapter's file by layer; `isKnown` knows the names inside a layer that a variant has.
 *
 * Throws AdapterError `adapter_incomplete` and `adapter_mismatch`, UnsupportedError for tensors of variants that are not
 * done.
 */
export function layersOfFile(
  folder: string,
  file: SafetensorsFile,
  isKnown: (local: string) => boolean,
): FileLayers {
  refuseEmptyTensors(folder, file);
  const needless = needlessTensors(file, isKnown);
  refuseOtherTensors(folder, file, (local, key) => needless.has(key) || isKnown(local));
  const layers = new Map<string, Map<string, TensorEntry>>();
  const unexpected: string[] = [];
  const adapters = new Set<string>();
  for (const [name, entry] of file.tensors) {
    const parts = partsOf(name);
    if (parts === undefined) {
      unexpected.push(name);
      continue;
    }
    if (needless.has(name)) continue;
    if (parts.adapter !== undefined) adapters.add(parts.adapter);
    const layer = layers.get(parts.path) ?? new Map<string, TensorEntry>();
    layer.set(parts.local, entry);
    layers.set(parts.path, layer);
  }
  if (adapters.size > 1) {
    const names = [...adapters].map((name) => name || '(none)').join(', ');
    throw new AdapterError(
      'adapter_mismatch',
      folder,
      `has the factors of several adapters, ${names}: save each in a folder of its own`,
      { details: { adapters: [...adapters] } },
    );
  }
  if (unexpected.length > 0 || layers.size === 0) {
    throw new AdapterError(
      'adapter_mismatch',
      folder,
      unexpected.length > 0
        ? `tensors ${unexpected.slice(0, 5).join(', ')} are not named like ${KEY_PREFIX}MODULE.lora_A.weight`
        : 'has no tensors',
      { details: { extra: unexpected } },
    );
  }
  return layers;
}
