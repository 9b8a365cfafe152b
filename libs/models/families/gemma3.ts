/** The text models of Gemma 3 (Gemma Team 2025): a window on five layers of six, each kind with its own positions. */
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
} from '#models/families/decoder-fields.js';
import { defineFamily } from '#models/families/family.js';
import { decoderGguf, float32, sandwichNames, uint32 } from '#models/gguf/decoder-gguf.js';
import { gemma3Refused } from '#models/gguf/refusals.js';
import { ProjectedAttention } from '#nn/attention.js';
import { DecoderBody } from '#nn/decoder-body.js';
import { SandwichLayer } from '#nn/decoder-layers.js';
import { OffsetRmsNorm } from '#nn/layers.js';
import { GatedMlp } from '#nn/mlp.js';
import { rotaryFrequencies } from '#nn/rotary-frequencies.js';

interface Gemma3Config extends DecoderFields {
  readonly ropes: LayerRopes;
  readonly attentionBias: boolean;
  readonly layerTypes: readonly string[];
  readonly slidingWindow: number | null;
  readonly attentionScale: number;
  readonly finalSoftcap: number | null;
}

export const gemma3 = defineFamily<Gemma3Config>({
  name: 'Gemma 3',
  architecture: 'Gemma3ForCausalLM',
  modelType: 'gemma3_text',
  sequenceClassifier: 'Gemma3TextForSequenceClassification',
  defaultTargets: ['q_proj', 'v_proj'],
  parse: (reader) => {
    reader.expect('use_bidirectional_attention', [false], 'only causal attention is done');
    const fields = readDecoderFields(reader, {
      hiddenSize: 2304,
      intermediateSize: 9216,
      layers: 26,
      heads: 8,
      kvHeads: 4,
      headDim: 256,
      vocabSize: 262_208,
      maxPositionEmbeddings: 131_072,
      activation: 'gelu_tanh',
      activationField: 'hidden_activation',
      tieWordEmbeddings: true,
      padTokenId: 0,
      eosTokenId: 1,
      bosTokenId: 2,
    });
    const { layers, hiddenSize, heads } = fields;
    if (hiddenSize % heads !== 0) {
      reader.report('hidden_size', `${hiddenSize} is not a multiple of num_attention_heads ${heads}`);
    }
    const file = reader.fields({
      attention_bias: z.boolean().default(false),
      query_pre_attn_scalar: z.number().positive().default(256),
      final_logit_softcapping: z.number().positive().nullable().default(null),
      sliding_window_pattern: z.int().positive().default(6),
    });
    return {
      ...fields,
      ropes: readLayerRopes(reader, fields, { full: 1e6, sliding: 1e4 }, 'rope_local_base_freq'),
      attentionBias: file.attention_bias,
      layerTypes: readLayerTypes(reader, layers, attentionTypes, (layer) =>
        (layer + 1) % file.sliding_window_pattern === 0 ? 'full_attention' : 'sliding_attention',
      ),
      slidingWindow: readWindow(reader, 4096),
      attentionScale: file.query_pre_attn_scalar ** -0.5,
      finalSoftcap: file.final_logit_softcapping,
    };
  },
  gguf: (config) =>
    decoderGguf(config, {
      ...config,
      architecture: 'gemma3',
      rope: config.ropes.full,
      names: sandwichNames,
      addsOneToNorms: true,
      metadata: {
        ...(config.finalSoftcap === null ? {} : { final_logit_softcapping: float32(config.finalSoftcap) }),
        'attention.sliding_window': uint32(config.slidingWindow ?? 0),
        'rope.freq_base_swa': float32(config.ropes.sliding.theta),
      },
      refusal: gemma3Refused(config),
    }),
  build: (config) => {
    const { hiddenSize, headDim, rmsNormEps, attentionBias: bias, ropes, layerTypes } = config;
    const full = { rotary: rotaryFrequencies(headDim, ropes.full), window: null };
    const sliding = { rotary: rotaryFrequencies(headDim, ropes.sliding), window: config.slidingWindow };
    const sizedNorm = (path: string, size: number) => new OffsetRmsNorm(path, size, rmsNormEps);
    const norm = (path: string) => sizedNorm(path, hiddenSize);
    const layer = (path: string, layer: number) =>
      new SandwichLayer(path, {
        norm,
        attention: (path) =>
          new ProjectedAttention(path, {
            ...config,
            ...(layerTypes[layer] === 'full_attention' ? full : sliding),
            layer,
            scale: config.attentionScale,
            bias,
            outputBias: bias,
            queryKeyNorm: { over: 'head', norm: sizedNorm },
          }),
        mlp: (path) => new GatedMlp(path, config),
      });
    return new Decoder(config, {
      head: { softcap: config.finalSoftcap },
      body: (path) =>
        new DecoderBody(path, { ...config, norm, layer, embeddingScale: Math.sqrt(hiddenSize) }),
    });
  },
});
