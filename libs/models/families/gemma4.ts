/**
 * The text models of Gemma 4 (Google 2026): an embedding for every layer, wider heads on layers without a window, and keys
 * and values that the last layers share with earlier ones. Its mixtures of experts are not done.
 */
import { z } from 'zod';
import type { LayerRopes } from '#models/config-rope.js';
import { Decoder } from '#models/decoder.js';
import {
  attentionTypes,
  type DecoderFields,
  readDecoderFields,
  readLayerRopes,
  readLayerTypes,
  readWindow,
  size,
} from '#models/families/decoder-fields.js';
import { defineFamily } from '#models/families/family.js';
import { Gemma4Attention } from '#models/families/gemma4/attention.js';
import { PerLayerBody } from '#models/families/gemma4/body.js';
import { Gemma4Layer } from '#models/families/gemma4/layer.js';
import type { ConfigReader } from '#models/config-reader.js';
import { RmsNorm } from '#nn/layers.js';
import { GatedMlp } from '#nn/mlp.js';
import { rotaryFrequencies } from '#nn/rotary-frequencies.js';

interface LayerSizes {
  readonly headDim: number;
  readonly kvHeads: number;
}

interface Gemma4Config extends DecoderFields {
  readonly ropes: LayerRopes;
  readonly attentionBias: boolean;
  readonly layerTypes: readonly string[];
  readonly layerSizes: readonly LayerSizes[];
  /** For each layer the one whose keys and values it reads, itself or an earlier one. */
  readonly keysFrom: readonly number[];
  /** Whether layers without a window take their keys for values too. */
  readonly keysAreValues: boolean;
  readonly slidingWindow: number | null;
  readonly wideSharedMlp: boolean;
  readonly finalSoftcap: number | null;
  /** Size of the embedding for each layer, 0 for none. */
  readonly perLayerSize: number;
  readonly perLayerVocabSize: number;
}

export const gemma4 = defineFamily<Gemma4Config>({
  name: 'Gemma 4',
  architecture: 'Gemma4ForCausalLM',
  modelType: 'gemma4_text',
  defaultTargets: ['q_proj', 'v_proj'],
  // Files have keys and values for layers that read another's too.
  files: { ignored: /\.layers\.\d+\.self_attn\.([kv]_proj|k_norm)\.(weight|bias)$/ },
  parse: (reader) => {
    reader.expect('enable_moe_block', [false], 'mixtures of experts are not done; use a dense model');
    reader.expect('use_bidirectional_attention', ['vision'], 'only causal attention is done');
    const { per_layer_config: perLayer } = reader.fields({ per_layer_config: perLayerSchema });
    const fields = readDecoderFields(reader.without('per_layer_config'), {
      hiddenSize: 2304,
      intermediateSize: 9216,
      layers: 30,
      heads: 8,
      kvHeads: 4,
      headDim: 256,
      vocabSize: 262_144,
      maxPositionEmbeddings: 131_072,
      activation: 'gelu_tanh',
      activationField: 'hidden_activation',
      tieWordEmbeddings: true,
      padTokenId: 0,
      eosTokenId: 1,
      bosTokenId: 2,
    });
    const { layers } = fields;
    const written = readLayerTypes(reader, layers, attentionTypes, (layer) =>
      (layer + 1) % 6 === 0 ? 'full_attention' : 'sliding_attention',
    );
    const types = [...written.slice(0, -1), 'full_attention'];
    const file = reader.fields({
      attention_bias: z.boolean().default(false),
      attention_k_eq_v: z.boolean().default(false),
      final_logit_softcapping: z.number().positive().nullable().default(null),
      global_head_dim: size.default(512),
      num_global_key_value_heads: size.nullable().default(null),
      num_kv_shared_layers: z.int().nonnegative().default(0),
      use_double_wide_mlp: z.boolean().default(false),
      hidden_size_per_layer_input: z.int().nonnegative().max(1e6).default(256),
      vocab_size_per_layer_input: size.default(262_144),
    });
    const globalSizes = {
      headDim: file.global_head_dim,
      kvHeads: (file.attention_k_eq_v ? file.num_global_key_value_heads : null) ?? fields.kvHeads,
    };
    const layerSizes = types.map((type, layer) => {
      const own = perLayer?.[String(layer)];
      if (perLayer) {
        return {
          headDim: own?.head_dim ?? fields.headDim,
          kvHeads: own?.num_key_value_heads ?? fields.kvHeads,
        };
      }
      return type === 'full_attention' ? globalSizes : { headDim: fields.headDim, kvHeads: fields.kvHeads };
    });
    return {
      ...fields,
      ropes: readLayerRopes(reader, fields, { full: 1e6, sliding: 1e4 }),
      attentionBias: file.attention_bias,
      layerTypes: types,
      layerSizes,
      keysFrom: sharing(reader, types, file.num_kv_shared_layers),
      keysAreValues: file.attention_k_eq_v,
      slidingWindow: readWindow(reader, 512),
      wideSharedMlp: file.use_double_wide_mlp,
      finalSoftcap: file.final_logit_softcapping,
      perLayerSize: file.hidden_size_per_layer_input,
      perLayerVocabSize: file.vocab_size_per_layer_input,
    };
  },
  build: (config) => {
    const { hiddenSize, rmsNormEps, attentionBias, layerTypes, layerSizes, keysFrom, ropes } = config;
    const kinds = new Map(
      ['full_attention', 'sliding_attention'].map((type) => {
        const headDim = layerSizes[layerTypes.indexOf(type)]?.headDim ?? config.headDim;
        const rope = type === 'full_attention' ? ropes.full : ropes.sliding;
        const window = type === 'full_attention' ? null : config.slidingWindow;
        return [type, { rotary: rotaryFrequencies(headDim, rope), window }] as const;
      }),
    );
    const sizedNorm = (path: string, size: number) => new RmsNorm(path, size, rmsNormEps);
    const norm = (path: string) => sizedNorm(path, hiddenSize);
    const layer = (path: string, layer: number) => {
      const isShared = keysFrom[layer] !== layer;
      const isFull = layerTypes[layer] === 'full_attention';
      const attention = (path: string) =>
        new Gemma4Attention(path, {
          ...config,
          ...layerSizes[layer]!,
          ...kinds.get(layerTypes[layer]!)!,
          layer,
          keysFrom: keysFrom[layer]!,
          scale: 1,
          bias: attentionBias,
          norm: sizedNorm,
          normEps: rmsNormEps,
          keysAreValues: config.keysAreValues && isFull,
        });
      const wide = isShared && config.wideSharedMlp ? 2 : 1;
      const mlp = (path: string) =>
        new GatedMlp(path, { ...config, intermediateSize: wide * config.intermediateSize });
      return new Gemma4Layer(path, { ...config, attention, mlp, norm });
    };
    return new Decoder(config, {
      head: { softcap: config.finalSoftcap },
      body: (path) =>
        new PerLayerBody(path, {
          ...config,
          norm,
          layer,
          embeddingScale: Math.sqrt(hiddenSize),
          perLayerNorm: (path) => sizedNorm(path, config.perLayerSize),
        }),
    });
  },
});

const perLayerSchema = z
  .record(
    z.string().regex(/^\d+$/),
    z.strictObject({ head_dim: size.optional(), num_key_value_heads: size.optional() }),
  )
  .nullish();

/** For each layer the one whose keys and values it reads: the last of its type that has its own. */
function sharing(reader: ConfigReader, types: readonly string[], shared: number): number[] {
  const first = types.length - shared;
  const own = types.slice(0, Math.max(first, 0));
  return types.map((type, layer) => {
    if (layer < first) return layer;
    const source = own.lastIndexOf(type);
    if (source < 0)
      reader.report('num_kv_shared_layers', `${shared} leaves no layer of type ${type} its own keys`);
    return Math.max(source, 0);
  });
}
