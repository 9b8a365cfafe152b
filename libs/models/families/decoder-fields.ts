/** What config.json says of a decoder, whatever its family. */
import { z } from 'zod';
import type { ConfigReader } from '#models/config-reader.js';
import {
  type LayerRopes,
  parseLayerRopes,
  parsePartialRotary,
  parseRope,
  ropeFields,
} from '#models/config-rope.js';
import type { TextConfig } from '#models/model-config.js';
import type { Activation, PlainActivation } from '#nn/mlp.js';
import type { RopeConfig } from '#nn/rotary-frequencies.js';

// The limits only keep a hostile file from asking for absurd amounts of memory.
export const size = z.int().positive().max(10_000_000);
const layerCount = z.int().positive().max(10_000);
const token = z.int();

/** What a configuration class of transformers fills in where the file is silent. */
export interface DecoderDefaults extends TokenDefaults {
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
  /** `silu` unless said otherwise, under `hidden_act`. */
  readonly activation?: Activation;
  readonly activationField?: string;
}

/** Tokens where the file is silent. */
export interface TokenDefaults {
  readonly bosTokenId: number | null;
  readonly eosTokenId: number | null;
  readonly padTokenId?: number | null;
}

/** A decoder with grouped-query attention and RMS norms. */
export interface DecoderFields extends TextConfig {
  readonly intermediateSize: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly rmsNormEps: number;
  readonly activation: Activation;
}

/** A decoder whose rotary positions are the same in all layers. */
export interface RotaryFields extends DecoderFields {
  readonly rope: RopeConfig;
  /** Entries of every head that are rotated. */
  readonly rotarySize: number;
}

/** Reads {@link DecoderFields}; fields that do not fit together are reported. */
export function readDecoderFields(reader: ConfigReader, defaults: DecoderDefaults): DecoderFields {
  noteCommonOptions(reader);
  const file = reader.fields({
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
  });
  const heads = file.num_attention_heads;
  const kvHeads = file.num_key_value_heads ?? heads;
  const headDim = file.head_dim ?? Math.floor(file.hidden_size / heads);
  if (heads % kvHeads !== 0) {
    reader.report('num_key_value_heads', `${kvHeads} does not divide num_attention_heads ${heads}`);
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
    maxPositionEmbeddings: file.max_position_embeddings,
    rmsNormEps: file.rms_norm_eps,
    activation: readActivation(
      reader,
      defaults.activationField ?? 'hidden_act',
      defaults.activation ?? 'silu',
    ),
    tieWordEmbeddings: file.tie_word_embeddings,
    wrapper: null,
    ...readTokens(reader, defaults),
    warnings: reader.warnings,
  };
}

/** Reads the tokens that begin, end and fill texts. */
export function readTokens(
  reader: ConfigReader,
  { bosTokenId, eosTokenId, padTokenId = null }: TokenDefaults,
): Pick<TextConfig, 'bosTokenId' | 'eosTokenIds' | 'padTokenId'> {
  const file = reader.fields({
    bos_token_id: token.nullable().default(bosTokenId),
    eos_token_id: z
      .union([token, z.array(token)])
      .nullable()
      .default(eosTokenId),
    pad_token_id: token.nullable().default(padTokenId),
  });
  return {
    bosTokenId: file.bos_token_id,
    eosTokenIds: file.eos_token_id === null ? [] : [file.eos_token_id].flat(),
    padTokenId: file.pad_token_id,
  };
}

/** What families differ in where rotary positions are read. */
export interface RotaryDefaults {
  /** 10,000 unless said otherwise. */
  readonly theta?: number;
  /** The share of every head that is rotated where the file is silent; left out = whole heads only. */
  readonly partial?: number;
}

/** Reads {@link RotaryFields}. */
export function readRotaryFields(
  reader: ConfigReader,
  { theta = 10_000, partial, ...defaults }: DecoderDefaults & RotaryDefaults,
): RotaryFields {
  const fields = readDecoderFields(reader, defaults);
  const { maxPositionEmbeddings, headDim } = fields;
  const file = reader.fields(ropeFields);
  const mayBePartial = partial === undefined ? {} : { partial: true as const };
  const rope = parseRope(file, { maxPositionEmbeddings, theta, ...mayBePartial }, reader);
  const rotarySize = Math.floor(headDim * (partial === undefined ? 1 : parsePartialRotary(file, partial)));
  checkRotary(reader, rotarySize);
  return { ...fields, rope, rotarySize };
}

/** Reads the rotary positions of layers with and without a window; `slidingField` is the older name of a base. */
export function readLayerRopes(
  reader: ConfigReader,
  { maxPositionEmbeddings, headDim }: DecoderFields,
  silent: { readonly full: number; readonly sliding: number },
  slidingField?: string,
): LayerRopes {
  const theta = slidingField === undefined ? undefined : reader.json[slidingField];
  const file = reader.fields(ropeFields);
  checkRotary(reader, headDim);
  return parseLayerRopes(file, { maxPositionEmbeddings, ...silent }, theta, reader);
}

function checkRotary(reader: ConfigReader, rotarySize: number): void {
  if (rotarySize === 0 || rotarySize % 2 !== 0) {
    reader.report('head_dim', `${rotarySize} is not even: rotary embeddings turn pairs`);
  }
}

/** Options that files of many families carry: what changes the mathematics and is not done here is refused. */
export function noteCommonOptions(reader: ConfigReader): void {
  reader.expect(
    'quantization_config',
    [],
    'weights must be float32, bfloat16 or float16: take the model that it was quantised from',
  );
  reader.expect('per_layer_config', [], 'all layers must have the same sizes');
  for (const option of dropouts) {
    const share = reader.json[option];
    if (typeof share === 'number' && share !== 0) {
      reader.warnings.push(`${option} ${share} of config.json is not applied in training; use lora_dropout`);
    }
  }
}

/** What drops numbers inside of base models while they are trained. */
const dropouts = [
  'attention_dropout',
  'attention_probs_dropout_prob',
  'attn_pdrop',
  'embd_pdrop',
  'embedding_dropout',
  'hidden_dropout',
  'hidden_dropout_prob',
  'resid_pdrop',
  'residual_dropout',
];

const activations: Readonly<Record<string, Activation>> = {
  silu: 'silu',
  swish: 'silu',
  gelu: 'gelu',
  gelu_new: 'gelu_tanh',
  gelu_fast: 'gelu_tanh',
  gelu_pytorch_tanh: 'gelu_tanh',
};

/** The activation that a field names as transformers does. */
export function readActivation(reader: ConfigReader, field: string, silent: Activation): Activation {
  const known = Object.keys(activations);
  reader.expect(field, known, `known activations: ${known.join(', ')}`);
  const name = reader.json[field];
  return typeof name === 'string' ? activations[name]! : silent;
}

/** The same for layers without a gate. */
export function readPlainActivation(
  reader: ConfigReader,
  field: string,
  silent: PlainActivation,
): PlainActivation {
  const activation = readActivation(reader, field, silent);
  return activation === 'silu' ? reader.refuse(field, 'this family is done with a form of gelu') : activation;
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

/** A sliding window for each layer whose type asks for one, null for the others. */
export function windowsOf(types: readonly string[], window: number | null): (number | null)[] {
  return types.map((type) => (type === 'sliding_attention' ? window : null));
}

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
  return windowsOf(types, enabled);
}
