/**
 * An adapter in PEFT's files that means the same to readers that know `r` and `lora_alpha` only: every scale is in B, every layer has
 * one rank, and the configuration has no patterns. vLLM and LoRAX take one scale for all layers from what they read.
 */
import type { AdapterModule, AdapterSource } from '#adapters/adapter.js';
import type { ExportFormat } from '#adapters/exports/export-format.js';
import { requireProducts, scaledFactors } from '#adapters/exports/plain-factors.js';
import { writeAdapter } from '#adapters/write-adapter.js';
import { type LoraConfig, parseLoraConfig } from '#lora/config.js';
import { layerOf } from '#lora/target-module.js';
import { targetModule } from '#lora/variants/registry.js';
import type { FloatDtype } from '#models/safetensors-dtype.js';

const dtypes: Readonly<Record<string, FloatDtype>> = { f32: 'F32', f16: 'F16', bf16: 'BF16' };

export const portable: ExportFormat = {
  async check({ member: { adapter } }) {
    requirePortable(adapter);
  },

  async write({ member: { adapter }, output, dtype, onProgress, signal }) {
    requirePortable(adapter);
    const targets = [...adapter.modules.values()];
    const r = Math.max(...targets.map((target) => target.r));
    const modules: AdapterModule[] = [];
    for (const target of targets) {
      signal?.throwIfAborted();
      const { A, B } = await scaledFactors(adapter, target, target.scale);
      modules.push({
        ...targetModule(target.path, layerOf(target), { r, loraAlpha: r, scale: 1 }),
        numbers: { A: moreRows(A, target.r, r), B: moreColumns(B, target.r, r) },
      });
      onProgress?.({ doneBytes: modules.length, totalBytes: targets.length });
    }
    const { licence } = adapter;
    await writeAdapter(output, {
      config: portableConfig(adapter, r),
      modules,
      dtype: dtypes[dtype]!,
      licence,
    });
  },
};

const requirePortable = (adapter: AdapterSource) =>
  requireProducts(adapter, 'a portable adapter', 'Export it merged into its base model: merged');

function portableConfig({ config, modules }: AdapterSource, r: number): LoraConfig {
  const { target_modules: targets, layers_to_transform: layers, exclude_modules: excluded } = config;
  const isPlainList = Array.isArray(targets) && layers === null && excluded === null;
  return parseLoraConfig({
    base_model_name_or_path: config.base_model_name_or_path,
    revision: config.revision,
    task_type: config.task_type,
    // With it PEFT leaves the task open: a model of images has none.
    auto_mapping: config.auto_mapping,
    fan_in_fan_out: config.fan_in_fan_out,
    lora_dropout: config.lora_dropout,
    r,
    lora_alpha: r,
    target_modules: isPlainList ? targets : [...modules.keys()].toSorted(),
  });
}

/** A [r, in] with rows of zeros up to another rank. */
function moreRows(A: Float32Array, r: number, rank: number): Float32Array {
  const more = new Float32Array((A.length / r) * rank);
  more.set(A);
  return more;
}

/** B [out, r] with columns of zeros up to another rank. */
function moreColumns(B: Float32Array, r: number, rank: number): Float32Array {
  const rows = B.length / r;
  const more = new Float32Array(rows * rank);
  for (let row = 0; row < rows; row++) more.set(B.subarray(row * r, (row + 1) * r), row * rank);
  return more;
}
