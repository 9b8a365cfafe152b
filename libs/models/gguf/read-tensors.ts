/** The tensors of a GGUF file as the parameters of its model. */
import { UnsupportedError } from '#base/errors.js';
import { GgufError, type GgufTensor } from '#gguf/read.js';
import { ggufMetadata } from '#gguf/model-files.js';
import type { BlockWeight } from '#jit/graph.js';
import { buildModel, familyOf } from '#models/families/registry.js';
import type { ModelConfig } from '#models/model-config.js';
import type { LocatedTensor } from '#models/located-tensor.js';
import type { FloatDtype } from '#models/safetensors-dtype.js';

/** Formats that are mapped as they are. */
const plain: Partial<Record<GgufTensor['type'], FloatDtype>> = { F32: 'F32', F16: 'F16', BF16: 'BF16' };
/** What config.json has said already. */
const derived = /^rope_freqs\.weight$/;

/** Tensors by the names of the parameters that they are, or by their own. Throws GgufError and UnsupportedError. */
export async function locateGgufTensors(
  model: string,
  file: string,
  config: ModelConfig,
): Promise<Map<string, LocatedTensor>> {
  const names = familyOf(config).gguf?.(config);
  // Whoever reads configurations from GGUF files knows families that have names for them.
  if (!names) throw new UnsupportedError(`${model}: ${config.architecture} has no names of tensors for GGUF`);
  const { tensors } = (await ggufMetadata(model)).file;
  const parameters = new Map(
    [...buildModel(config).parameters()].map(({ name }) => [names.nameOf(name), name] as const),
  );
  const located = new Map<string, LocatedTensor>();
  for (const [storedAs, { type, shape, offset, byteLength }] of tensors) {
    if (derived.test(storedAs)) continue;
    const name = parameters.get(storedAs) ?? storedAs;
    const headSize = names.headsOf(name);
    const added = -names.addedTo(name);
    if (headSize !== undefined && (shape[0] ?? 1) % headSize !== 0) {
      throw new GgufError(
        model,
        `gives ${storedAs} ${shape[0]} rows, which are not whole heads of ${headSize}`,
      );
    }
    const range = { file, offset, byteLength };
    const dtype = plain[type];
    const isPlain = dtype !== undefined && headSize === undefined && added === 0;
    const edit = {
      ...(headSize === undefined ? {} : { headSize }),
      ...(added === 0 ? {} : { added }),
    };
    const blocks: BlockWeight = { scheme: 'gguf', type, ...range, ...edit };
    located.set(name, {
      storedAs,
      path: file,
      entry: { dtype: isPlain ? dtype : 'F32', shape, offset, byteLength },
      ...(isPlain ? {} : { blocks }),
    });
  }
  return located;
}
