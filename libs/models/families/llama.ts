/** Llama (Touvron et al. 2023) and the many models of its shape, SmolLM2 among them. */
import { z } from 'zod';
import { Decoder } from '#models/decoder.js';
import { type RotaryFields, readRotaryFields } from '#models/families/decoder-fields.js';
import { defineFamily } from '#models/families/family.js';
import { decoderGguf } from '#models/gguf/decoder-gguf.js';
import { ProjectedAttention } from '#nn/attention.js';
import { DecoderBody } from '#nn/decoder-body.js';
import { PreNormLayer } from '#nn/decoder-layers.js';
import { RmsNorm } from '#nn/layers.js';
import { GatedMlp } from '#nn/mlp.js';
import { rotaryFrequencies } from '#nn/rotary-frequencies.js';

interface LlamaConfig extends RotaryFields {
  readonly attentionBias: boolean;
  readonly mlpBias: boolean;
}

export const llama = defineFamily<LlamaConfig>({
  name: 'Llama',
  architecture: 'LlamaForCausalLM',
  modelType: 'llama',
  sequenceClassifier: 'LlamaForSequenceClassification',
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
    const { hiddenSize, heads } = fields;
    if (hiddenSize % heads !== 0) {
      reader.report('hidden_size', `${hiddenSize} is not a multiple of num_attention_heads ${heads}`);
    }
    const { attention_bias: attentionBias, mlp_bias: mlpBias } = reader.fields({
      attention_bias: z.boolean().default(false),
      mlp_bias: z.boolean().default(false),
    });
    return { ...fields, attentionBias, mlpBias };
  },
  gguf: (config) => decoderGguf(config, { ...config, architecture: 'llama', turnsNeighbours: true }),
  build: (config) => {
    const { rotarySize, hiddenSize, rope, attentionBias, mlpBias } = config;
    const rotary = rotaryFrequencies(rotarySize, rope);
    const norm = (path: string) => new RmsNorm(path, hiddenSize, config.rmsNormEps);
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
        mlp: (path) => new GatedMlp(path, { ...config, bias: mlpBias }),
      });
    return new Decoder(config, {
      body: (path) => new DecoderBody(path, { ...config, norm, layer }),
    });
  },
});
