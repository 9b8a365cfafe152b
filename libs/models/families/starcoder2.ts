/** StarCoder2 (Lozhkov et al. 2024): layer norms, biases everywhere and a plain feed-forward layer. */
import { z } from 'zod';
import { Decoder } from '#models/decoder.js';
import {
  readPlainActivation,
  readRotaryFields,
  readWindow,
  type RotaryFields,
} from '#models/families/decoder-fields.js';
import { defineFamily } from '#models/families/family.js';
import { ProjectedAttention } from '#nn/attention.js';
import { DecoderBody } from '#nn/decoder-body.js';
import { PreNormLayer } from '#nn/decoder-layers.js';
import { LayerNorm, Linear } from '#nn/layers.js';
import { type PlainActivation, PlainMlp } from '#nn/mlp.js';
import { rotaryFrequencies } from '#nn/rotary-frequencies.js';

interface Starcoder2Config extends RotaryFields {
  readonly activation: PlainActivation;
  readonly bias: boolean;
  readonly normEps: number;
  readonly slidingWindow: number | null;
}

export const starcoder2 = defineFamily<Starcoder2Config>({
  name: 'StarCoder2',
  architecture: 'Starcoder2ForCausalLM',
  modelType: 'starcoder2',
  sequenceClassifier: 'Starcoder2ForSequenceClassification',
  // PEFT has no choice of its own for this family.
  defaultTargets: ['q_proj', 'v_proj'],
  parse: (reader) => {
    const fields = readRotaryFields(reader, {
      hiddenSize: 3072,
      intermediateSize: 12_288,
      layers: 30,
      heads: 24,
      kvHeads: 2,
      vocabSize: 49_152,
      maxPositionEmbeddings: 4096,
      tieWordEmbeddings: true,
      bosTokenId: 50_256,
      eosTokenId: 50_256,
    });
    const file = reader.fields({
      use_bias: z.boolean().default(true),
      norm_epsilon: z.number().positive().default(1e-5),
    });
    return {
      ...fields,
      activation: readPlainActivation(reader, 'hidden_act', 'gelu_tanh'),
      bias: file.use_bias,
      normEps: file.norm_epsilon,
      slidingWindow: readWindow(reader, null),
    };
  },
  build: (config) => {
    const { hiddenSize, intermediateSize, bias, normEps, activation } = config;
    const rotary = rotaryFrequencies(config.rotarySize, config.rope);
    const norm = (path: string) => new LayerNorm(path, hiddenSize, normEps);
    const layer = (path: string, layer: number) =>
      new PreNormLayer(path, {
        norm,
        attention: (path) =>
          new ProjectedAttention(path, {
            ...config,
            layer,
            rotary,
            window: config.slidingWindow,
            outputBias: bias,
          }),
        mlp: (path) =>
          new PlainMlp(path, {
            activation,
            up: ['c_fc', (path) => new Linear(path, hiddenSize, intermediateSize, bias)],
            down: ['c_proj', (path) => new Linear(path, intermediateSize, hiddenSize, bias)],
            act: 'act',
          }),
      });
    return new Decoder(config, {
      body: (path) => new DecoderBody(path, { ...config, norm, layer }),
    });
  },
});
