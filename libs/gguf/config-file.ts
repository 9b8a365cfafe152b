/** config.json of a GGUF file: what its metadata and tensors say, in the names of Hugging Face. */
import { UnsupportedError } from '#base/errors.js';
import { architectureOf } from '#gguf/architectures.js';
import { GgufError } from '#gguf/read.js';
import { type Metadata, shortest } from '#gguf/metadata.js';
import { readGgufRows } from '#gguf/rows.js';

/**
 * The fields of config.json.
 *
 * Throws GgufError where the metadata lacks something, and UnsupportedError for what is not done.
 */
export async function configFields(metadata: Metadata): Promise<Record<string, unknown>> {
  const { architecture, file } = metadata;
  const { modelType, model, config } = architectureOf(metadata);
  const key = (name: string) => `${architecture}.${name}`;
  const hiddenSize = metadata.number(key('embedding_length'));
  const layers = metadata.number(key('block_count'));
  const heads = metadata.sameForLayers(key('attention.head_count'));
  const headDim = metadata.number(key('attention.key_length'), Math.floor(hiddenSize / heads));
  const embedding = file.tensors.get('token_embd.weight');
  if (!embedding) throw new GgufError(file.path, 'has no tensor token_embd.weight');
  const rotated = metadata.number(key('rope.dimension_count'), headDim);
  const token = (name: string) => {
    const id = `tokenizer.ggml.${name}_token_id`;
    return metadata.has(id) ? metadata.number(id) : null;
  };
  return {
    architectures: [model],
    model_type: modelType,
    torch_dtype: 'float32',
    hidden_size: hiddenSize,
    intermediate_size: metadata.sameForLayers(key('feed_forward_length')),
    num_hidden_layers: layers,
    num_attention_heads: heads,
    num_key_value_heads: metadata.sameForLayers(key('attention.head_count_kv'), heads),
    head_dim: headDim,
    vocab_size: embedding.shape[0],
    max_position_embeddings: metadata.number(key('context_length')),
    rms_norm_eps: shortest(metadata.number(key('attention.layer_norm_rms_epsilon'))),
    hidden_act: 'silu',
    rope_theta: shortest(metadata.number(key('rope.freq_base'), 10_000)),
    ...(rotated === headDim ? {} : { partial_rotary_factor: rotated / headDim }),
    rope_scaling: await ropeScaling(metadata, rotated),
    tie_word_embeddings: !file.tensors.has('output.weight'),
    bos_token_id: token('bos'),
    eos_token_id: token('eos'),
    pad_token_id: token('padding'),
    ...config?.(metadata, { layers, heads, headDim }),
  };
}

async function ropeScaling(metadata: Metadata, rotated: number): Promise<Record<string, unknown> | null> {
  const { architecture, file } = metadata;
  if (file.tensors.has('rope_factors_long.weight')) {
    throw new UnsupportedError(
      `${file.path} has a table of rope factors for long texts (longrope), which is not done`,
    );
  }
  if (file.tensors.has('rope_freqs.weight')) return llama3Scaling(metadata, rotated);
  const key = (name: string) => `${architecture}.rope.scaling.${name}`;
  const type = metadata.text(key('type'), 'none');
  if (type === 'none') return null;
  const factor = shortest(metadata.number(key('factor'), 1));
  if (type === 'linear') return factor === 1 ? null : { rope_type: 'linear', factor };
  if (type !== 'yarn') throw new UnsupportedError(`${file.path}: rope scaling ${type} is not done`);
  const original = key('original_context_length');
  return {
    rope_type: 'yarn',
    factor,
    ...(metadata.has(original) ? { original_max_position_embeddings: metadata.number(original) } : {}),
  };
}

/** What every Llama from 3.1 on was trained with; files keep what comes of it. */
const llama3 = { low_freq_factor: 1, high_freq_factor: 4, original_max_position_embeddings: 8192 };

/**
 * The scaling of Llama 3.1 and later. A file has the divisors of the frequencies instead of what they come from: the
 * largest of them is the factor, and all are compared.
 */
async function llama3Scaling(metadata: Metadata, rotated: number): Promise<Record<string, unknown>> {
  const { architecture, file } = metadata;
  const tensor = file.tensors.get('rope_freqs.weight')!;
  const divisors = await readGgufRows(file.path, tensor);
  const factor = shortest(Math.max(...divisors));
  const theta = metadata.number(`${architecture}.rope.freq_base`, 10_000);
  const { low_freq_factor: low, high_freq_factor: high, original_max_position_embeddings: length } = llama3;
  const expected = Array.from({ length: rotated / 2 }, (_, i) => {
    const wavelength = 2 * Math.PI * theta ** ((2 * i) / rotated);
    if (wavelength < length / high) return 1;
    if (wavelength > length / low) return factor;
    const smooth = (length / wavelength - low) / (high - low);
    return 1 / ((1 - smooth) / factor + smooth);
  });
  const fits =
    divisors.length === expected.length &&
    expected.every((value, i) => Math.abs(divisors[i]! / value - 1) < 1e-4);
  if (!fits) {
    throw new UnsupportedError(
      `${file.path}: rope_freqs.weight holds another scaling than that of Llama 3.1`,
    );
  }
  return { rope_type: 'llama3', factor, ...llama3 };
}
