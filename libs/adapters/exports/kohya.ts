/**
 * An adapter in the safetensors of kohya-ss/sd-scripts, which Stable Diffusion tools and ComfyUI read for text encoders too: for
 * each layer `lora_down`, `lora_up` and its own `alpha`, of which alpha / r is the scale. Format: networks/lora.py there.
 */
import { join } from 'node:path';
import { requireBaseLayers } from '#adapters/base-fit.js';
import type { AdapterSource } from '#adapters/adapter.js';
import type { ExportFormat, ExportMaterial } from '#adapters/exports/export-format.js';
import { cannotHold, requireProducts, scaledFactors } from '#adapters/exports/plain-factors.js';
import { kohyaName, kohyaPaths } from '#adapters/kohya-names.js';
import { writeFlushed, writeFolderAtomically } from '#base/atomic-file.js';
import { conv2dKind } from '#lora/layer-kinds/conv2d.js';
import { linearKind } from '#lora/layer-kinds/linear.js';
import { layerKind } from '#lora/layer-kinds/registry.js';
import type { LoraFactors } from '#lora/target-module.js';
import { openModelFolder } from '#models/model-folder.js';
import type { Model } from '#models/model.js';
import type { FloatDtype } from '#models/safetensors-dtype.js';
import { fileChunks, floatSource, safetensorsLayout, type TensorSource } from '#models/safetensors-write.js';

export const kohyaFile = 'lora.safetensors';

const format = "kohya's safetensors";
const instead = 'Export it merged into its base model: merged';
const dtypes: Readonly<Record<string, FloatDtype>> = { f32: 'F32', f16: 'F16', bf16: 'BF16' };
const heldKinds: readonly string[] = [linearKind.name, conv2dKind.name];

export const kohya: ExportFormat = {
  async check(material) {
    await tensorsOf(material, 'F32');
  },

  async write({ output, dtype, onProgress, ...material }) {
    const { signal } = material;
    const tensors = await tensorsOf(material, dtypes[dtype]!);
    const metadata = metadataOf(material.member.adapter);
    const totalBytes = safetensorsLayout(tensors, metadata).byteLength;
    await writeFolderAtomically(output, async (temporary) => {
      let doneBytes = 0;
      const watched = async function* () {
        for await (const chunk of fileChunks(tensors, metadata)) {
          signal?.throwIfAborted();
          yield chunk;
          onProgress?.({ doneBytes: (doneBytes += chunk.length), totalBytes });
        }
      };
      await writeFlushed(join(temporary, kohyaFile), watched());
    });
  },
};

/** As sd-scripts writes it, and for its tools to show; only rank and alpha of each layer count. */
function metadataOf({ name, config, licence }: AdapterSource): Record<string, string> {
  const { base_model_name_or_path: base } = config;
  return {
    ss_network_module: 'networks.lora',
    ss_network_dim: String(config.r),
    ss_network_alpha: String(config.lora_alpha),
    ss_output_name: name,
    ...(base ? { ss_sd_model_name: base } : {}),
    ...(licence ? { 'modelspec.license': licence } : {}),
  };
}

/** What the file will hold, made when it is written. */
async function tensorsOf({ baseFolder, member: { adapter } }: ExportMaterial, dtype: FloatDtype) {
  const { tree } = await openModelFolder(baseFolder);
  requireProducts(adapter, format, instead);
  requireBaseLayers(tree, adapter, baseFolder);
  const names = namesOf(tree, adapter);
  const tensors = new Map<string, TensorSource>();
  for (const target of adapter.modules.values()) {
    const name = names.get(target.path)!;
    const part = (role: 'A' | 'B'): TensorSource => {
      const { shape } = target.tensors.find((tensor) => tensor.role === role)!;
      const numbers = () => scaledFactors(adapter, target, 1);
      return { dtype, shape, chunks: () => stored(numbers, role, { shape, dtype }) };
    };
    tensors.set(`${name}.lora_down.weight`, part('A'));
    tensors.set(`${name}.lora_up.weight`, part('B'));
    // Never rounded further: in half precision it would change the scale of the layer.
    const alpha = Float32Array.of(target.scale * target.r);
    tensors.set(`${name}.alpha`, floatSource({ data: alpha, shape: [] }));
  }
  return tensors;
}

async function* stored(
  numbers: () => Promise<LoraFactors>,
  role: 'A' | 'B',
  form: { readonly shape: readonly number[]; readonly dtype: FloatDtype },
) {
  yield* floatSource({ data: (await numbers())[role], ...form }).chunks();
}

/** The names of an adapter's layers by their paths. */
function namesOf(tree: Model, { name: adapter, modules }: AdapterSource): ReadonlyMap<string, string> {
  const pathsOf = kohyaPaths(tree);
  return new Map(
    [...modules.values()].map((target) => {
      const { path } = target;
      const refuse = (reason: string) => cannotHold(format, adapter, path, reason, instead);
      if (!heldKinds.includes(target.kind)) throw refuse(`it changes ${layerKind(target).title}`);
      const name = kohyaName(tree, path);
      const others = pathsOf(name).filter((other) => other !== path);
      if (others.length > 0) throw refuse(`${others[0]!} would have the same name there, ${name}`);
      return [path, name];
    }),
  );
}
