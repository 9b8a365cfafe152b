/** OLMo 2 (OLMo Team 2025): norms after attention and feed-forward layer, and over whole rows of queries and keys. */
import { z } from 'zod';
import { Decoder } from '#models/decoder.js';
import { readRotaryFields, type RotaryFields } from '#models/families/decoder-fields.js';
import { defineFamily } from '#models/families/family.js';
import { ProjectedAttention } from '#nn/attention.js';
import { DecoderBody } from '#nn/decoder-body.js';
import { PostNormLayer } from '#nn/decoder-layers.js';
import { RmsNorm } from '#nn/layers.js';
import { GatedMlp } from '#nn/mlp.js';
import { rotaryFrequencies } from '#nn/rotary-frequencies.js';

interface Olmo2Config extends RotaryFields {
  readonly attentionBias: boolean;
}

export const olmo2 = defineFamily<Olmo2Config>({
  name: 'OLMo 2',
  architecture: 'Olmo2ForCausalLM',
  modelType: 'olmo2',
  sequenceClassifier: 'Olmo2ForSequenceClassification',
  // PEFT has no choice of its own for this family.
  defaultTargets: ['q_proj', 'v_proj'],
  parse: (reader) => {
    const fields = readRotaryFields(reader, {
      intermediateSize: 11_008,
      kvHeads: null,
      vocabSize: 50_304,
      maxPositionEmbeddings: 2048,
      rmsNormEps: 1e-5,
      padTokenId: 1,
      bosTokenId: null,
      eosTokenId: 50_279,
    });
    const file = reader.fields({ attention_bias: z.boolean().default(false) });
    return { ...fields, attentionBias: file.attention_bias };
  },
  build: (config) => {
    const { hiddenSize, rmsNormEps, attentionBias: bias } = config;
    const rotary = rotaryFrequencies(config.rotarySize, config.rope);
    const sizedNorm = (path: string, size: number) => new RmsNorm(path, size, rmsNormEps);
    const norm = (path: string) => sizedNorm(path, hiddenSize);
    const layer = (path: string, layer: number) =>
      new PostNormLayer(path, {
        norm,
        attention: (path) =>
          new ProjectedAttention(path, {
            ...config,
            layer,
            rotary,
            window: null,
            bias,
            outputBias: bias,
            queryKeyNorm: { over: 'row', norm: sizedNorm },
          }),
        mlp: (path) => new GatedMlp(path, config),
      });
    return new Decoder(config, {
      body: (path) => new DecoderBody(path, { ...config, norm, layer }),
    });
  },
});
