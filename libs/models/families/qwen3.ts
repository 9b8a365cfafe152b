/** Qwen3 (Yang et al. 2025): queries and keys are normalised head by head. */
import { z } from 'zod';
import { Decoder } from '#models/decoder.js';
import { type RotaryFields, readRotaryFields, readUpperWindows } from '#models/families/decoder-fields.js';
import { defineFamily } from '#models/families/family.js';
import { decoderGguf } from '#models/gguf/decoder-gguf.js';
import { windowsRefused } from '#models/gguf/refusals.js';
import { ProjectedAttention } from '#nn/attention.js';
import { DecoderBody } from '#nn/decoder-body.js';
import { PreNormLayer } from '#nn/decoder-layers.js';
import { RmsNorm } from '#nn/layers.js';
import { GatedMlp } from '#nn/mlp.js';
import { rotaryFrequencies } from '#nn/rotary-frequencies.js';

interface Qwen3Config extends RotaryFields {
  readonly attentionBias: boolean;
  readonly slidingWindow: readonly (number | null)[];
}

export const qwen3 = defineFamily<Qwen3Config>({
  name: 'Qwen3',
  architecture: 'Qwen3ForCausalLM',
  modelType: 'qwen3',
  sequenceClassifier: 'Qwen3ForSequenceClassification',
  defaultTargets: ['q_proj', 'v_proj'],
  parse: (reader) => {
    const fields = readRotaryFields(reader, {
      intermediateSize: 22_016,
      kvHeads: 32,
      headDim: 128,
      vocabSize: 151_936,
      maxPositionEmbeddings: 32_768,
      bosTokenId: null,
      eosTokenId: null,
    });
    const file = reader.fields({ attention_bias: z.boolean().default(false) });
    return {
      ...fields,
      attentionBias: file.attention_bias,
      slidingWindow: readUpperWindows(reader, fields.layers),
    };
  },
  gguf: (config) =>
    decoderGguf(config, { ...config, architecture: 'qwen3', refusal: windowsRefused(config) }),
  build: (config) => {
    const { hiddenSize, rmsNormEps, attentionBias, slidingWindow } = config;
    const rotary = rotaryFrequencies(config.rotarySize, config.rope);
    const sizedNorm = (path: string, size: number) => new RmsNorm(path, size, rmsNormEps);
    const norm = (path: string) => sizedNorm(path, hiddenSize);
    const layer = (path: string, layer: number) =>
      new PreNormLayer(path, {
        norm,
        attention: (path) =>
          new ProjectedAttention(path, {
            ...config,
            layer,
            rotary,
            window: slidingWindow[layer]!,
            bias: attentionBias,
            outputBias: attentionBias,
            queryKeyNorm: { over: 'head', norm: sizedNorm },
          }),
        mlp: (path) => new GatedMlp(path, config),
      });
    return new Decoder(config, {
      body: (path) => new DecoderBody(path, { ...config, norm, layer }),
    });
  },
});
