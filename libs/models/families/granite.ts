/** Granite (IBM 2024): Llama with multipliers of embeddings, scores, residuals and logits. */
import { z } from 'zod';
import { Decoder } from '#models/decoder.js';
import { readRotaryFields, type RotaryFields } from '#models/families/decoder-fields.js';
import { defineFamily } from '#models/families/family.js';
import { ProjectedAttention } from '#nn/attention.js';
import { DecoderBody } from '#nn/decoder-body.js';
import { PreNormLayer } from '#nn/decoder-layers.js';
import { RmsNorm } from '#nn/layers.js';
import { GatedMlp } from '#nn/mlp.js';
import { rotaryFrequencies } from '#nn/rotary-frequencies.js';

interface GraniteConfig extends RotaryFields {
  readonly attentionBias: boolean;
  readonly mlpBias: boolean;
  readonly embeddingMultiplier: number;
  readonly attentionMultiplier: number;
  readonly residualMultiplier: number;
  readonly logitsScaling: number;
}

export const granite = defineFamily<GraniteConfig>({
  name: 'Granite',
  architecture: 'GraniteForCausalLM',
  modelType: 'granite',
  // PEFT has no choice of its own for this family.
  defaultTargets: ['q_proj', 'v_proj'],
  parse: (reader) => {
    const fields = readRotaryFields(reader, {
      intermediateSize: 11_008,
      kvHeads: null,
      vocabSize: 32_000,
      maxPositionEmbeddings: 2048,
      bosTokenId: 1,
      eosTokenId: 2,
    });
    const factor = z.number().positive().default(1);
    const file = reader.fields({
      attention_bias: z.boolean().default(false),
      mlp_bias: z.boolean().default(false),
      embedding_multiplier: factor,
      attention_multiplier: factor,
      residual_multiplier: factor,
      logits_scaling: factor,
    });
    return {
      ...fields,
      attentionBias: file.attention_bias,
      mlpBias: file.mlp_bias,
      embeddingMultiplier: file.embedding_multiplier,
      attentionMultiplier: file.attention_multiplier,
      residualMultiplier: file.residual_multiplier,
      logitsScaling: file.logits_scaling,
    };
  },
  build: (config) => {
    const { hiddenSize, rmsNormEps, attentionBias: bias } = config;
    const rotary = rotaryFrequencies(config.rotarySize, config.rope);
    const norm = (path: string) => new RmsNorm(path, hiddenSize, rmsNormEps);
    const layer = (path: string, layer: number) =>
      new PreNormLayer(path, {
        norm,
        residualScale: config.residualMultiplier,
        attention: (path) =>
          new ProjectedAttention(path, {
            ...config,
            layer,
            rotary,
            window: null,
            scale: config.attentionMultiplier,
            bias,
            outputBias: bias,
          }),
        mlp: (path) => new GatedMlp(path, { ...config, bias: config.mlpBias }),
      });
    return new Decoder(config, {
      head: { scale: 1 / config.logitsScaling },
      body: (path) =>
        new DecoderBody(path, { ...config, norm, layer, embeddingScale: config.embeddingMultiplier }),
    });
  },
});
