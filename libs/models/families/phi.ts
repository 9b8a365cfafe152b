/** Phi-1 to Phi-2 (Li et al. 2023): attention and feed-forward layer side by side, a part of every head rotated. */
import { z } from 'zod';
import { Decoder } from '#models/decoder.js';
import { readPlainActivation, readRotaryFields, type RotaryFields } from '#models/families/decoder-fields.js';
import { defineFamily } from '#models/families/family.js';
import { ProjectedAttention } from '#nn/attention.js';
import { DecoderBody } from '#nn/decoder-body.js';
import { SharedNormLayer } from '#nn/decoder-layers.js';
import { LayerNorm, Linear } from '#nn/layers.js';
import { type PlainActivation, PlainMlp } from '#nn/mlp.js';
import { rotaryFrequencies } from '#nn/rotary-frequencies.js';

interface PhiConfig extends RotaryFields {
  readonly activation: PlainActivation;
  readonly normEps: number;
  readonly queryKeyNorm: boolean;
}

export const phi = defineFamily<PhiConfig>({
  name: 'Phi',
  architecture: 'PhiForCausalLM',
  modelType: 'phi',
  sequenceClassifier: 'PhiForSequenceClassification',
  defaultTargets: ['q_proj', 'v_proj', 'fc1', 'fc2'],
  parse: (reader) => {
    const fields = readRotaryFields(reader, {
      hiddenSize: 2048,
      intermediateSize: 8192,
      layers: 24,
      kvHeads: null,
      vocabSize: 51_200,
      maxPositionEmbeddings: 2048,
      bosTokenId: 1,
      eosTokenId: 2,
      partial: 0.5,
    });
    const file = reader.fields({
      layer_norm_eps: z.number().positive().default(1e-5),
      qk_layernorm: z.boolean().default(false),
    });
    return {
      ...fields,
      activation: readPlainActivation(reader, 'hidden_act', 'gelu_tanh'),
      normEps: file.layer_norm_eps,
      queryKeyNorm: file.qk_layernorm,
    };
  },
  build: (config) => {
    const { hiddenSize, intermediateSize, normEps, activation } = config;
    const rotary = rotaryFrequencies(config.rotarySize, config.rope);
    const sizedNorm = (path: string, size: number) => new LayerNorm(path, size, normEps);
    const norm = (path: string) => sizedNorm(path, hiddenSize);
    const layer = (path: string, layer: number) =>
      new SharedNormLayer(path, {
        norm,
        attention: (path) =>
          new ProjectedAttention(path, {
            ...config,
            layer,
            rotary,
            window: null,
            bias: true,
            outputBias: true,
            outputName: 'dense',
            queryKeyNorm: config.queryKeyNorm
              ? { over: 'head', norm: sizedNorm, names: ['q_layernorm', 'k_layernorm'] }
              : undefined,
          }),
        mlp: (path) =>
          new PlainMlp(path, {
            activation,
            up: ['fc1', (path) => new Linear(path, hiddenSize, intermediateSize, true)],
            down: ['fc2', (path) => new Linear(path, intermediateSize, hiddenSize, true)],
            act: 'activation_fn',
          }),
      });
    return new Decoder(config, {
      head: { bias: true },
      body: (path) =>
        new DecoderBody(path, {
          ...config,
          norm,
          layer,
          names: {
            tokens: 'embed_tokens',
            layers: 'layers',
            beforeNorm: ['rotary_emb', 'embed_dropout'],
            norm: 'final_layernorm',
          },
        }),
    });
  },
});
