/** What config.json says of a decoder with rotary positions, whatever its family. */
import { z } from 'zod';
import type { ConfigReader } from '#models/config-reader.js';
import { parseRope, ropeFields } from '#models/config-rope.js';
import type { ModelConfig } from '#models/model-config.js';
import type { RopeConfig } from '#nn/rotary-frequencies.js';

// The limits only keep a hostile file from asking for absurd amounts of memory.
export const size = z.int().positive().max(10_000_000);
const layerCount = z.int().positive().max(10_000);
const token = z.int();

/** What a configuration class of transformers fills in where the file is silent. */
export interface DecoderDefaults {
  readonly hiddenSize?: number;
  readonly intermediateSize: number;
  readonly layers?: number;
  readonly heads?: number;
  /** null = as many as heads. */
  readonly kvHeads: number | null;
  /** null = hiddenSize / heads. */
  readonly headDim?: number;
  readonly vocabSize: number;
  readonly maxPositionEmbeddings: number;
  readonly rmsNormEps?: number;
  readonly tieWordEmbeddings?: boolean;
  readonly ropeTheta?: number;
  readonly bosTokenId: number | null;
  readonly eosTokenId: number | null;
  readonly padTokenId?: number | null;
}

/** A decoder with grouped-query attention, rotary positions and RMS norms. */
export interface DecoderFields extends ModelConfig {
  readonly intermediateSize: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly rmsNormEps: number;
  readonly rope: RopeConfig;
}

/** Reads {@link DecoderFields}; fields that do not fit together are reported. */
export function readDecoderFields(reader: ConfigReader, defaults: DecoderDefaults): DecoderFields {
  refuseCommonOptions(reader);
  const file = reader.fields({
    ...ropeFields,
    hidden_size: size.default(defaults.hiddenSize ?? 4096),
    intermediate_size: size.default(defaults.intermediateSize),
    num_hidden_layers: layerCount.default(defaults.layers ?? 32),
    num_attention_heads: size.default(defaults.heads ?? 32),
    num_key_value_heads: size.nullable().default(defaults.kvHeads),
    head_dim: size.nullable().default(defaults.headDim ?? null),
    vocab_size: size.default(defaults.vocabSize),
    max_position_embeddings: z.int().positive().default(defaults.maxPositionEmbeddings),
    rms_norm_eps: z
      .number()
      .positive()
      .default(defaults.rmsNormEps ?? 1e-6),
    tie_word_embeddings: z.boolean().default(defaults.tieWordEmbeddings ?? false),
    bos_token_id: token.nullable().default(defaults.bosTokenId),
    eos_token_id: z
      .union([token, z.array(token)])
      .nullable()
      .default(defaults.eosTokenId),
    pad_token_id: token.nullable().default(defaults.padTokenId ?? null),
  });
  const heads = file.num_attention_heads;
  const kvHeads = file.num_key_value_heads ?? heads;
  const headDim = file.head_dim ?? Math.floor(file.hidden_size / heads);
  const maxPositionEmbeddings = file.max_position_embeddings;
  const rope = parseRope(file, { maxPositionEmbeddings, theta: defaults.ropeTheta ?? 10_000 }, reader);
  if (heads % kvHeads !== 0) {
    reader.report('num_key_value_heads', `${kvHeads} does not divide num_attention_heads ${heads}`);
  }
  if (headDim === 0 || headDim % 2 !== 0) {
    reader.report('head_dim', `${headDim} is not even: rotary embeddings turn pairs`);
  }
  return {
    architecture: reader.architecture,
    modelType: reader.modelType,
    hiddenSize: file.hidden_size,
    intermediateSize: file.intermediate_size,
    layers: file.num_hidden_layers,
    heads,
    kvHeads,
    headDim,
    vocabSize: file.vocab_size,
    maxPositionEmbeddings,
    rmsNormEps: file.rms_norm_eps,
    tieWordEmbeddings: file.tie_word_embeddings,
    rope,
    bosTokenId: file.bos_token_id,
    eosTokenIds: file.eos_token_id === null ? [] : [file.eos_token_id].flat(),
    padTokenId: file.pad_token_id,
  };
}

/** Options that files of many families carry, that change the mathematics, and that are not done here. */
function refuseCommonOptions(reader: ConfigReader): void {
  reader.expect('hidden_act', ['silu'], 'known activations: silu');
  reader.expect('attention_dropout', [0], 'only 0 is known; set it to 0 and use lora_dropout');
  reader.expect('quantization_config', [], 'weights must be float32, bfloat16 or float16');
  reader.expect('per_layer_config', [], 'all layers must have the same sizes');
}

const window = z.int().positive().nullable();

/** The window of `sliding_window`, null for none. */
export function readWindow(reader: ConfigReader, silent: number | null): number | null {
  return reader.fields({ sliding_window: window.default(silent) }).sliding_window;
}

/** The types of layers that a file gives, or those of a family's own rule. */
export function readLayerTypes(
  reader: ConfigReader,
  layers: number,
  known: readonly string[],
  rule: (layer: number) => string,
): string[] {
  const { layer_types: types } = reader.fields({ layer_types: z.array(z.string()).nullish() });
  if (!types) return Array.from({ length: layers }, (_, layer) => rule(layer));
  if (types.length !== layers) {
    reader.report('layer_types', `has ${types.length} entries for ${layers} layers`);
  }
  if (types.some((type) => !known.includes(type))) {
    reader.refuse('layer_types', `known layer types: ${known.join(', ')}`);
  }
  return types;
}

export const attentionTypes = ['full_attention', 'sliding_attention'];

/** Windows of Qwen's decoders: only where switched on, and then from layer `max_window_layers` on. */
export function readUpperWindows(reader: ConfigReader, layers: number): (number | null)[] {
  const file = reader.fields({
    use_sliding_window: z.boolean().default(false),
    sliding_window: window.default(4096),
    max_window_layers: z.int().nonnegative().default(28),
  });
  const enabled = file.use_sliding_window ? file.sliding_window : null;
  const types = readLayerTypes(reader, layers, attentionTypes, (layer) =>
    enabled !== null && layer >= file.max_window_layers ? 'sliding_attention' : 'full_attention',
  );
  if (enabled === null && types.includes('sliding_attention')) {
    reader.report('layer_types', 'has sliding_attention but use_sliding_window or sliding_window is off');
  }
  return types.map((type) => (type === 'sliding_attention' ? enabled : null));
}
