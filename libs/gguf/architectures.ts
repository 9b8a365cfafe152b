/**
 * Architectures as llama.cpp names them, and what config.json would say of such a model. What its tensors are called its
 * family knows.
 */
import { UnsupportedError } from '#base/errors.js';
import { type Metadata, shortest } from '#gguf/metadata.js';

type Config = Readonly<Record<string, unknown>>;

export interface GgufArchitecture {
  readonly modelType: string;
  readonly model: string;
  /** What config.json has beside what all have. */
  readonly config?: (metadata: Metadata, sizes: { layers: number; heads: number; headDim: number }) => Config;
}

/** Every sixth layer of Gemma 3 attends to all; no metadata says it. */
const gemmaPattern = 6;
/** Gemma 3 27B, the only one whose queries are scaled by something else than the size of a head. */
const gemma27bLayers = 62;

const llama: GgufArchitecture = {
  modelType: 'llama',
  model: 'LlamaForCausalLM',
  config: ({ file }) => {
    const hasBias = (name: string) => file.tensors.has(`blk.0.${name}.bias`);
    return { attention_bias: hasBias('attn_q'), mlp_bias: hasBias('ffn_up'), rope_interleaved: false };
  },
};

export const architectures: Readonly<Record<string, GgufArchitecture>> = {
  llama,
  mistral: {
    modelType: 'mistral',
    model: 'MistralForCausalLM',
    config: (metadata) => ({ sliding_window: window(metadata) }),
  },
  qwen2: { modelType: 'qwen2', model: 'Qwen2ForCausalLM', config: () => ({ use_sliding_window: false }) },
  qwen3: {
    modelType: 'qwen3',
    model: 'Qwen3ForCausalLM',
    config: () => ({ use_sliding_window: false, attention_bias: false }),
  },
  gemma3: {
    modelType: 'gemma3_text',
    model: 'Gemma3ForCausalLM',
    config: (metadata, { layers, heads, headDim }) => ({
      attention_bias: false,
      hidden_activation: 'gelu_pytorch_tanh',
      final_logit_softcapping: metadata.number('gemma3.final_logit_softcapping', 0) || null,
      query_pre_attn_scalar:
        layers === gemma27bLayers ? metadata.number('gemma3.embedding_length') / heads : headDim,
      rope_local_base_freq: shortest(metadata.number('gemma3.rope.freq_base_swa', 10_000)),
      sliding_window: metadata.number('gemma3.attention.sliding_window'),
      layer_types: Array.from({ length: layers }, (_, layer) =>
        (layer + 1) % gemmaPattern === 0 ? 'full_attention' : 'sliding_attention',
      ),
    }),
  },
  phi3: {
    modelType: 'phi3',
    model: 'Phi3ForCausalLM',
    config: (metadata) => ({ sliding_window: window(metadata) }),
  },
  smollm3: {
    modelType: 'smollm3',
    model: 'SmolLM3ForCausalLM',
    config: () => ({ no_rope_layer_interval: 4, use_sliding_window: false }),
  },
};

function window(metadata: Metadata): number | null {
  return metadata.number(`${metadata.architecture}.attention.sliding_window`, 0) || null;
}

/** Throws UnsupportedError for one that is not known. */
export function architectureOf(metadata: Metadata): GgufArchitecture {
  const { architecture, file } = metadata;
  const known = Object.hasOwn(architectures, architecture) ? architectures[architecture] : undefined;
  if (!known) {
    throw new UnsupportedError(
      `${file.path}: the architecture ${JSON.stringify(architecture)} is not read from GGUF; known: ${Object.keys(architectures).join(', ')}`,
      { file: file.path, architecture },
    );
  }
  const parts = metadata.number('split.count', 1);
  if (parts > 1) {
    throw new UnsupportedError(
      `${file.path} is one of ${parts} parts of a model: join them with llama-gguf-split --merge`,
      { file: file.path, parts },
    );
  }
  if (metadata.number(`${architecture}.expert_count`, 0) > 0) {
    throw new UnsupportedError(`${file.path} is a mixture of experts, which is not done`);
  }
  return known;
}
