/**
 * An adapter for llama.cpp and what stands on it (LM Studio, Ollama): a GGUF file of `general.type` adapter.
 *
 * llama.cpp multiplies B A by adapter.lora.alpha / r, with one alpha for all layers and the rank that each has: scales that
 * differ from that are folded into B. Format: convert_lora_to_gguf.py and llama-adapter.cpp of github.com/ggml-org/llama.cpp.
 */
import { requireBaseLayers } from '#adapters/base-fit.js';
import type { AdapterSource } from '#adapters/adapter.js';
import type { ExportFormat, ExportMaterial } from '#adapters/exports/export-format.js';
import { ggufOf } from '#adapters/exports/gguf-base.js';
import { oneLine, writeGgufFolder } from '#adapters/exports/write-gguf-file.js';
import { cannotHold, requireLinear, scaledFactors } from '#adapters/exports/plain-factors.js';
import type { GgufTensorType, GgufValue } from '#gguf/format.js';
import type { GgufTensorSource } from '#gguf/write.js';
import type { TargetModule } from '#lora/target-module.js';
import { encodeFloats } from '#models/gguf/encode.js';
import type { GgufModel } from '#models/gguf/gguf-model.js';
import { reorderHeads } from '#models/gguf/gguf-model.js';
import { type ModelFolder, openModelFolder } from '#models/model-folder.js';

const format = 'GGUF';
const instead = 'Export it merged into its base model: merged-gguf';

const tensorTypes: Readonly<Record<string, GgufTensorType>> = { f32: 'F32', f16: 'F16', bf16: 'BF16' };

export const ggufAdapter: ExportFormat = {
  async check(material) {
    await contentOf(material, 'F32');
  },

  async write({ output, dtype, onProgress, ...material }) {
    const { adapter } = material.member;
    const { metadata, tensors } = await contentOf(material, tensorTypes[dtype]!);
    const file = `adapter-${dtype}.gguf`;
    await writeGgufFolder(
      { output, onProgress, signal: material.signal },
      { name: file, metadata, tensors, modelfile: modelfile(file, adapter) },
    );
  },
};

/** What the file will hold, made when it is written. */
async function contentOf({ baseFolder, member: { adapter } }: ExportMaterial, type: GgufTensorType) {
  const base = await openModelFolder(baseFolder);
  const model = ggufOf(base, adapter.name);
  requireLinear(adapter, format, instead);
  requireBaseLayers(base.tree, adapter, baseFolder);
  const tensors = adapterTensors(base, model, adapter, type);
  return { metadata: adapterMetadata(model, adapter), tensors };
}

function adapterMetadata(
  { architecture }: GgufModel,
  { name, config }: AdapterSource,
): Map<string, GgufValue> {
  const text = (value: string): GgufValue => ({ type: 'string', value });
  const { base_model_name_or_path: base } = config;
  return new Map([
    ['general.architecture', text(architecture)],
    ['general.type', text('adapter')],
    ['general.name', text(name)],
    ...(base ? [['general.base_model.0.name', text(base)] as const] : []),
    ['adapter.type', text('lora')],
    ['adapter.lora.alpha', { type: 'float32', value: Math.fround(config.lora_alpha) }],
  ]);
}

function adapterTensors(
  { tree }: ModelFolder,
  model: GgufModel,
  adapter: AdapterSource,
  type: GgufTensorType,
): Map<string, GgufTensorSource> {
  const tensors = new Map<string, GgufTensorSource>();
  for (const target of adapter.modules.values()) {
    const { path, r, inFeatures, outFeatures } = target;
    const weight = `${path}.weight`;
    const name = weight === tree.tiedWeight?.otherName ? undefined : model.nameOf(weight);
    if (name === undefined) {
      const reason =
        weight === tree.tiedWeight?.otherName
          ? 'it changes the output embedding, which the base shares with the input embedding'
          : 'llama.cpp has no such layer';
      throw cannotHold(format, adapter.name, path, reason, instead);
    }
    const factor = foldedScale(adapter, target);
    const heads = model.headsOf(weight);
    const A = async () => (await scaledFactors(adapter, target, 1)).A;
    const B = async () => {
      const { B } = await scaledFactors(adapter, target, factor);
      return heads === undefined ? B : reorderHeads(B, r, heads);
    };
    tensors.set(`${name}.lora_a`, { type, shape: [r, inFeatures], chunks: () => encoded(A, type, name) });
    tensors.set(`${name}.lora_b`, { type, shape: [outFeatures, r], chunks: () => encoded(B, type, name) });
  }
  return tensors;
}

async function* encoded(numbers: () => Promise<Float32Array>, type: GgufTensorType, name: string) {
  yield encodeFloats(await numbers(), type, name);
}

/** What B is multiplied by, so that alpha / r of the file gives the scale of the layer. */
function foldedScale({ config }: AdapterSource, { r, scale }: TargetModule): number {
  const factor = (scale * r) / config.lora_alpha;
  return Math.abs(factor - 1) < 1e-12 ? 1 : factor;
}

function modelfile(file: string, { name, config }: AdapterSource): string {
  const base = config.base_model_name_or_path ?? 'the base model';
  return `# ${oneLine(name)}, an adapter of ${oneLine(base)}.
# Ollama: put that model beside this file as base.gguf, or write its name at Ollama after FROM; then
#   ollama create NAME -f Modelfile
# llama.cpp: llama-server --model base.gguf --lora ${file}
FROM ./base.gguf
ADAPTER ./${file}
`;
}
