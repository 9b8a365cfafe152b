/** The names, metadata and order of weights that llama.cpp has for decoders with rotary positions and RMS norms. */
import type { GgufValue } from '#gguf/format.js';
import type { DecoderFields } from '#models/families/decoder-fields.js';
import type { GgufModel } from '#models/gguf/gguf-model.js';
import { type RopeConfig, rotaryFrequencies } from '#nn/rotary-frequencies.js';

/** Names of layers by their names in a layer of the tree. */
export type LayerNames = Readonly<Record<string, string>>;

const layerNames = {
  input_layernorm: 'attn_norm',
  'self_attn.q_proj': 'attn_q',
  'self_attn.k_proj': 'attn_k',
  'self_attn.v_proj': 'attn_v',
  'self_attn.o_proj': 'attn_output',
  'self_attn.q_norm': 'attn_q_norm',
  'self_attn.k_norm': 'attn_k_norm',
  post_attention_layernorm: 'ffn_norm',
  'mlp.gate_proj': 'ffn_gate',
  'mlp.up_proj': 'ffn_up',
  'mlp.down_proj': 'ffn_down',
} satisfies LayerNames;

const outerNames: LayerNames = { embed_tokens: 'token_embd', norm: 'output_norm' };

/** Norms around attention and around the feed-forward layer, as Gemma 2 and 3 have them. */
export const sandwichNames: LayerNames = {
  post_attention_layernorm: 'post_attention_norm',
  pre_feedforward_layernorm: 'ffn_norm',
  post_feedforward_layernorm: 'post_ffw_norm',
};

export interface DecoderGgufOptions {
  readonly architecture: string;
  /** Of all layers, or of those without a window. */
  readonly rope: RopeConfig;
  /** Entries of every head that are rotated; all unless given. */
  readonly rotarySize?: number;
  /** Where names differ from those of most families. */
  readonly names?: LayerNames;
  /** Whether entries of a head are turned with their neighbours, so that rows of queries and keys lie in another order. */
  readonly turnsNeighbours?: boolean;
  /** Whether norms multiply by 1 + w here, and by w there. */
  readonly addsOneToNorms?: boolean;
  /** More keys, without the architecture in front of them. */
  readonly metadata?: Readonly<Record<string, GgufValue>>;
  /** Whether the output embedding is always that of the input there. */
  readonly isAlwaysTied?: boolean;
  readonly refusal?: string | undefined;
}

export const uint32 = (value: number): GgufValue => ({ type: 'uint32', value });
export const float32 = (value: number): GgufValue => ({ type: 'float32', value });
export const text = (value: string): GgufValue => ({ type: 'string', value });

export function decoderGguf(config: DecoderFields, options: DecoderGgufOptions): GgufModel {
  const { architecture, rope, names = {}, turnsNeighbours = false, addsOneToNorms = false } = options;
  const { heads, kvHeads, headDim } = config;
  const rotarySize = options.rotarySize ?? headDim;
  const inLayer: LayerNames = { ...layerNames, ...names };
  const { keys, tensors, refusal } = ropeGguf(rope, rotarySize);
  const metadata: Readonly<Record<string, GgufValue>> = {
    context_length: uint32(config.maxPositionEmbeddings),
    embedding_length: uint32(config.hiddenSize),
    block_count: uint32(config.layers),
    feed_forward_length: uint32(config.intermediateSize),
    'attention.head_count': uint32(heads),
    'attention.head_count_kv': uint32(kvHeads),
    'attention.layer_norm_rms_epsilon': float32(config.rmsNormEps),
    'attention.key_length': uint32(headDim),
    'attention.value_length': uint32(headDim),
    vocab_size: uint32(config.vocabSize),
    'rope.dimension_count': uint32(rotarySize),
    ...keys,
    ...options.metadata,
  };
  return {
    architecture,
    nameOf: (name) => nameIn(name, inLayer),
    headsOf: (name) =>
      turnsNeighbours && /\.self_attn\.[qk]_proj\.(weight|bias)$/.test(name) ? headDim : undefined,
    addedTo: (name) => (addsOneToNorms && name.endsWith('norm.weight') ? 1 : 0),
    metadata: new Map(Object.entries(metadata).map(([key, value]) => [`${architecture}.${key}`, value])),
    tensors,
    refusal:
      options.refusal ??
      refusal ??
      (options.isAlwaysTied && !config.tieWordEmbeddings
        ? 'its output embedding is not that of its input'
        : undefined),
  };
}

const layerPath = /^model\.layers\.(\d+)\.(.+)$/;

function nameIn(name: string, inLayer: LayerNames): string | undefined {
  const [, path, kind] = /^(.+)\.(weight|bias)$/.exec(name.replace('model.language_model.', 'model.')) ?? [];
  if (path === undefined) return undefined;
  const [, layer, local] = layerPath.exec(path) ?? [];
  const found =
    local !== undefined
      ? inLayer[local] && `blk.${layer}.${inLayer[local]}`
      : path === 'lm_head'
        ? 'output'
        : outerNames[path.slice('model.'.length)];
  return found && `${found}.${kind}`;
}

interface RopeGguf {
  readonly keys: Readonly<Record<string, GgufValue>>;
  readonly tensors: ReadonlyMap<string, Float32Array>;
  readonly refusal?: string;
}

function ropeGguf(rope: RopeConfig, rotarySize: number): RopeGguf {
  const { theta, scaling } = rope;
  const base = { 'rope.freq_base': float32(theta) };
  const none = new Map<string, Float32Array>();
  if (scaling.type === 'default') return { keys: base, tensors: none };
  if (scaling.type === 'linear') {
    const keys = { 'rope.scaling.type': text('linear'), 'rope.scaling.factor': float32(scaling.factor) };
    return { keys: { ...base, ...keys }, tensors: none };
  }
  if (scaling.type === 'llama3') {
    // There frequencies are divided by the numbers of a tensor.
    const plain = rotaryFrequencies(rotarySize, { theta, scaling: { type: 'default' } });
    const { inverseFrequencies: scaled } = rotaryFrequencies(rotarySize, rope);
    const factors = plain.inverseFrequencies.map((frequency, i) => frequency / scaled[i]!);
    return { keys: base, tensors: new Map([['rope_freqs.weight', factors]]) };
  }
  if (scaling.type === 'yarn' && isPlainYarn(scaling)) {
    const keys = {
      'rope.scaling.type': text('yarn'),
      'rope.scaling.factor': float32(scaling.factor),
      'rope.scaling.original_context_length': uint32(scaling.originalMaxPositionEmbeddings),
      'rope.scaling.yarn_beta_fast': float32(scaling.betaFast),
      'rope.scaling.yarn_beta_slow': float32(scaling.betaSlow),
    };
    return { keys: { ...base, ...keys }, tensors: none };
  }
  return {
    keys: base,
    tensors: none,
    refusal: `its rotary positions are scaled in a way of their own (${scaling.type})`,
  };
}

/** With the factor on cos and sin that llama.cpp derives itself. */
function isPlainYarn(scaling: Extract<RopeConfig['scaling'], { type: 'yarn' }>): boolean {
  return scaling.attentionFactor === null && scaling.mscale === null && scaling.truncate;
}
