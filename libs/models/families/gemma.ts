/** Gemma (Gemma Team 2024): wide heads, scaled embeddings, norms stored as what they differ from one by. */
import { z } from 'zod';
import { Decoder } from '#models/decoder.js';
import { type RotaryFields, readRotaryFields } from '#models/families/decoder-fields.js';
import { defineFamily } from '#models/families/family.js';
import { decoderGguf } from '#models/gguf/decoder-gguf.js';
import { ProjectedAttention } from '#nn/attention.js';
import { DecoderBody } from '#nn/decoder-body.js';
import { PreNormLayer } from '#nn/decoder-layers.js';
import { OffsetRmsNorm } from '#nn/layers.js';
import { GatedMlp } from '#nn/mlp.js';
import { rotaryFrequencies } from '#nn/rotary-frequencies.js';

interface GemmaConfig extends RotaryFields {
  readonly attentionBias: boolean;
}

export const gemma = defineFamily<GemmaConfig>({
  name: 'Gemma',
  architecture: 'GemmaForCausalLM',
  modelType: 'gemma',
  sequenceClassifier: 'GemmaForSequenceClassification',
  defaultTargets: ['q_proj', 'v_proj'],
  parse: (reader) => {
    reader.expect('use_bidirectional_attention', [false], 'only causal attention is done');
    const fields = readRotaryFields(reader, {
      hiddenSize: 3072,
      intermediateSize: 24_576,
      layers: 28,
      heads: 16,
      kvHeads: 16,
      headDim: 256,
      vocabSize: 256_000,
      maxPositionEmbeddings: 8192,
      activation: 'gelu_tanh',
      tieWordEmbeddings: true,
      padTokenId: 0,
      eosTokenId: 1,
      bosTokenId: 2,
    });
    const file = reader.fields({ attention_bias: z.boolean().default(false) });
    // The first files say gelu and mean its approximation.
    const activation = fields.activation === 'gelu' ? 'gelu_tanh' : fields.activation;
    return { ...fields, activation, attentionBias: file.attention_bias };
  },
  gguf: (config) =>
    decoderGguf(config, { ...config, architecture: 'gemma', addsOneToNorms: true, isAlwaysTied: true }),
  build: (config) => {
    const { hiddenSize, rmsNormEps, attentionBias } = config;
    const rotary = rotaryFrequencies(config.rotarySize, config.rope);
    const norm = (path: string) => new OffsetRmsNorm(path, hiddenSize, rmsNormEps);
    const layer = (path: string, layer: number) =>
      new PreNormLayer(path, {
        norm,
        attention: (path) =>
          new ProjectedAttention(path, {
            ...config,
            layer,
            rotary,
            window: null,
            bias: attentionBias,
            outputBias: attentionBias,
          }),
        mlp: (path) => new GatedMlp(path, config),
      });
    return new Decoder(config, {
      body: (path) =>
        new DecoderBody(path, { ...config, norm, layer, embeddingScale: Math.sqrt(hiddenSize) }),
    });
  },
});
