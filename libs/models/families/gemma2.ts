/** Gemma 2 (Gemma Team 2024): norms before and after, soft caps, a window on every other layer. */
import { z } from 'zod';
import { Decoder } from '#models/decoder.js';
import {
  attentionTypes,
  readLayerTypes,
  readRotaryFields,
  readWindow,
  type RotaryFields,
  windowsOf,
} from '#models/families/decoder-fields.js';
import { defineFamily } from '#models/families/family.js';
import { decoderGguf, float32, sandwichNames, uint32 } from '#models/gguf/decoder-gguf.js';
import { gemma2Refused } from '#models/gguf/refusals.js';
import { ProjectedAttention } from '#nn/attention.js';
import { DecoderBody } from '#nn/decoder-body.js';
import { SandwichLayer } from '#nn/decoder-layers.js';
import { OffsetRmsNorm } from '#nn/layers.js';
import { GatedMlp } from '#nn/mlp.js';
import { rotaryFrequencies } from '#nn/rotary-frequencies.js';

interface Gemma2Config extends RotaryFields {
  readonly attentionBias: boolean;
  readonly slidingWindow: readonly (number | null)[];
  readonly attentionScale: number;
  readonly attentionSoftcap: number | null;
  readonly finalSoftcap: number | null;
}

export const gemma2 = defineFamily<Gemma2Config>({
  name: 'Gemma 2',
  architecture: 'Gemma2ForCausalLM',
  modelType: 'gemma2',
  sequenceClassifier: 'Gemma2ForSequenceClassification',
  defaultTargets: ['q_proj', 'v_proj'],
  parse: (reader) => {
    reader.expect('use_bidirectional_attention', [false], 'only causal attention is done');
    const fields = readRotaryFields(reader, {
      hiddenSize: 2304,
      intermediateSize: 9216,
      layers: 26,
      heads: 8,
      kvHeads: 4,
      headDim: 256,
      vocabSize: 256_000,
      maxPositionEmbeddings: 8192,
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
    const window = readWindow(reader, 4096);
    const types = readLayerTypes(reader, layers, attentionTypes, (layer) =>
      layer % 2 === 0 ? 'sliding_attention' : 'full_attention',
    );
    const softcap = z.number().positive().nullable();
    const file = reader.fields({
      attention_bias: z.boolean().default(false),
      query_pre_attn_scalar: z.number().positive().default(256),
      attn_logit_softcapping: softcap.default(50),
      final_logit_softcapping: softcap.default(30),
    });
    return {
      ...fields,
      attentionBias: file.attention_bias,
      slidingWindow: windowsOf(types, window),
      attentionScale: file.query_pre_attn_scalar ** -0.5,
      attentionSoftcap: file.attn_logit_softcapping,
      finalSoftcap: file.final_logit_softcapping,
    };
  },
  gguf: (config) =>
    decoderGguf(config, {
      ...config,
      architecture: 'gemma2',
      names: sandwichNames,
      addsOneToNorms: true,
      isAlwaysTied: true,
      metadata: {
        ...(config.attentionSoftcap === null
          ? {}
          : { attn_logit_softcapping: float32(config.attentionSoftcap) }),
        ...(config.finalSoftcap === null ? {} : { final_logit_softcapping: float32(config.finalSoftcap) }),
        'attention.sliding_window': uint32(config.slidingWindow.find((window) => window !== null) ?? 0),
      },
      refusal: gemma2Refused(config),
    }),
  build: (config) => {
    const { hiddenSize, rmsNormEps, attentionBias, slidingWindow } = config;
    const rotary = rotaryFrequencies(config.rotarySize, config.rope);
    const norm = (path: string) => new OffsetRmsNorm(path, hiddenSize, rmsNormEps);
    const layer = (path: string, layer: number) =>
      new SandwichLayer(path, {
        norm,
        attention: (path) =>
          new ProjectedAttention(path, {
            ...config,
            layer,
            rotary,
            window: slidingWindow[layer]!,
            scale: config.attentionScale,
            softcap: config.attentionSoftcap,
            bias: attentionBias,
            outputBias: attentionBias,
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
