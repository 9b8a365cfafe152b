/** Small random models of the families that GGUF has, with the tokenizers of the fixtures, and random adapters for them. */
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { streamKey, uniformAt } from '#jit/random.js';
import { parseLoraConfig, type LoraConfigInput } from '#lora/config.js';
import { resolveTargetModules } from '#lora/target-modules.js';
import { buildModel } from '#models/families/registry.js';
import { readModelConfig } from '#models/config.js';
import { type FloatTensor, writeSafetensors } from '#models/safetensors-write.js';
import { classifierConfig } from '#adapters/adapter-classes.js';
import { writeAdapter } from '#adapters/write-adapter.js';
import { openModelFolder } from '#models/model-folder.js';

const tokenizers = join(import.meta.dirname, '../../../test/fixtures/tokenizers');

export interface SmallModel {
  readonly name: string;
  readonly tokenizer: string;
  readonly config: Readonly<Record<string, unknown>>;
}

const shared = {
  hidden_size: 64,
  intermediate_size: 96,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  num_hidden_layers: 3,
  max_position_embeddings: 512,
  bos_token_id: 1,
  eos_token_id: 2,
  rope_theta: 10_000,
};
const llama3Rope = {
  rope_type: 'llama3',
  factor: 8,
  low_freq_factor: 1,
  high_freq_factor: 4,
  original_max_position_embeddings: 64,
};
const gemmaTypes = (layers: number) =>
  Array.from({ length: layers }, (_, i) => ((i + 1) % 6 === 0 ? 'full_attention' : 'sliding_attention'));

export const smallModels: readonly SmallModel[] = [
  {
    name: 'llama',
    tokenizer: 'byte-level-llama3',
    config: { model_type: 'llama', architectures: ['LlamaForCausalLM'], tie_word_embeddings: true },
  },
  {
    name: 'llama, untied, llama3 positions',
    tokenizer: 'byte-level-llama3',
    config: {
      model_type: 'llama',
      architectures: ['LlamaForCausalLM'],
      tie_word_embeddings: false,
      rope_scaling: llama3Rope,
    },
  },
  {
    name: 'llama, linear positions, biases',
    tokenizer: 'byte-level-gpt2',
    config: {
      model_type: 'llama',
      architectures: ['LlamaForCausalLM'],
      attention_bias: true,
      rope_scaling: { rope_type: 'linear', factor: 2 },
    },
  },
  {
    name: 'mistral',
    tokenizer: 'metaspace-byte-fallback',
    config: { model_type: 'mistral', architectures: ['MistralForCausalLM'], sliding_window: null },
  },
  {
    name: 'qwen2',
    tokenizer: 'byte-level-qwen',
    config: {
      model_type: 'qwen2',
      architectures: ['Qwen2ForCausalLM'],
      tie_word_embeddings: true,
      rope_theta: 1e6,
    },
  },
  {
    name: 'qwen2, yarn',
    tokenizer: 'byte-level-qwen',
    config: {
      model_type: 'qwen2',
      architectures: ['Qwen2ForCausalLM'],
      rope_scaling: { rope_type: 'yarn', factor: 4, original_max_position_embeddings: 128 },
    },
  },
  {
    name: 'qwen3',
    tokenizer: 'byte-level-qwen',
    config: {
      model_type: 'qwen3',
      architectures: ['Qwen3ForCausalLM'],
      head_dim: 32,
      tie_word_embeddings: true,
    },
  },
  {
    name: 'gemma',
    tokenizer: 'metaspace-turns',
    config: {
      model_type: 'gemma',
      architectures: ['GemmaForCausalLM'],
      head_dim: 16,
      tie_word_embeddings: true,
    },
  },
  {
    name: 'gemma 2',
    tokenizer: 'metaspace-turns',
    config: {
      model_type: 'gemma2',
      architectures: ['Gemma2ForCausalLM'],
      head_dim: 16,
      query_pre_attn_scalar: 16,
      sliding_window: 32,
      tie_word_embeddings: true,
    },
  },
  {
    name: 'gemma 3',
    tokenizer: 'metaspace-turns',
    config: {
      model_type: 'gemma3_text',
      architectures: ['Gemma3ForCausalLM'],
      head_dim: 16,
      query_pre_attn_scalar: 16,
      sliding_window: 32,
      num_hidden_layers: 6,
      layer_types: gemmaTypes(6),
      rope_theta: 1e6,
      rope_local_base_freq: 1e4,
      tie_word_embeddings: true,
    },
  },
  {
    name: 'phi 3',
    tokenizer: 'metaspace-byte-fallback',
    config: {
      model_type: 'phi3',
      architectures: ['Phi3ForCausalLM'],
      sliding_window: null,
      original_max_position_embeddings: 512,
      pad_token_id: 0,
    },
  },
  {
    name: 'smollm 3',
    tokenizer: 'byte-level-llama3',
    config: {
      model_type: 'smollm3',
      architectures: ['SmolLM3ForCausalLM'],
      num_hidden_layers: 4,
      no_rope_layer_interval: 4,
      tie_word_embeddings: true,
      pad_token_id: 0,
    },
  },
];

/** Numbers of a seed and a name around 0, of a spread that keeps signals as large as they are. */
function randomNumbers(seed: number, site: string, length: number, spread: number): Float32Array {
  const key = streamKey(seed, 0, site);
  return Float32Array.from({ length }, (_, i) => (2 * uniformAt(key, i) - 1) * spread);
}

/** Writes a model into a folder, which must be new. */
export async function writeSmallModel(
  folder: string,
  { config, tokenizer }: SmallModel,
  seed: number,
): Promise<void> {
  mkdirSync(folder, { recursive: true });
  cpSync(join(tokenizers, tokenizer), folder, { recursive: true });
  const { model } = JSON.parse(readFileSync(join(folder, 'tokenizer.json'), 'utf8')) as {
    model: { vocab: Readonly<Record<string, number>> };
  };
  // A few rows more than tokens, as many models have.
  const vocab = Object.keys(model.vocab).length + 32;
  const json = { ...shared, vocab_size: vocab, torch_dtype: 'float32', ...config };
  writeFileSync(join(folder, 'config.json'), JSON.stringify(json));
  const tree = buildModel(await readModelConfig(folder));
  const tensors = new Map<string, FloatTensor>();
  for (const { name, shape } of tree.parameters()) {
    const size = shape.reduce((product, one) => product * one, 1);
    const isNorm = name.endsWith('norm.weight');
    const data = randomNumbers(
      seed,
      name,
      size,
      isNorm ? 0.3 : shape.length < 2 ? 0.2 : 1.7 / Math.sqrt(shape[1]!),
    );
    tensors.set(name, {
      data: isNorm && !/gemma/.test(String(config['model_type'])) ? data.map((x) => x + 1) : data,
      shape,
    });
  }
  await writeSafetensors(join(folder, 'model.safetensors'), tensors, { format: 'pt' });
}

/** Writes an adapter of random numbers, large enough to change answers. */
export async function writeRandomAdapter(
  folder: string,
  modelFolder: string,
  options: LoraConfigInput,
  seed: number,
): Promise<void> {
  const config = parseLoraConfig({ base_model_name_or_path: 'small', ...options });
  const base = await openModelFolder(modelFolder);
  const { modules } = resolveTargetModules(base.tree, config);
  await writeAdapter(folder, {
    config,
    classifier: await classifierConfig(base),
    modules: modules.map((module) => ({
      ...module,
      numbers: Object.fromEntries(
        module.tensors.map(({ role, name, shape }) => {
          const size = shape.reduce((product, one) => product * one, 1);
          const spread = 1.2 / Math.sqrt(shape[1] ?? 64);
          const values = randomNumbers(seed, name, size, spread);
          return [role, role === 'magnitude' ? values.map((value) => Math.abs(value) + 0.5) : values];
        }),
      ),
    })),
  });
}
