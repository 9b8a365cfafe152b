/** Qwen2 and Qwen2.5 (Yang et al. 2024): biases on queries, keys and values, and a window from some layer on. */
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

interface Qwen2Config extends RotaryFields {
  readonly slidingWindow: readonly (number | null)[];
}

export const qwen2 = defineFamily<Qwen2Config>({
  name: 'Qwen2',
  architecture: 'Qwen2ForCausalLM',
  modelType: 'qwen2',
  sequenceClassifier: 'Qwen2ForSequenceClassification',
  defaultTargets: ['q_proj', 'v_proj'],
  parse: (reader) => {
    const fields = readRotaryFields(reader, {
      intermediateSize: 22_016,
      kvHeads: 32,
      vocabSize: 151_936,
      maxPositionEmbeddings: 32_768,
      bosTokenId: null,
      eosTokenId: null,
    });
    return { ...fields, slidingWindow: readUpperWindows(reader, fields.layers) };
  },
  gguf: (config) =>
    decoderGguf(config, { ...config, architecture: 'qwen2', refusal: windowsRefused(config) }),
  build: (config) => {
    const { rotarySize, hiddenSize, rope, slidingWindow } = config;
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
            window: slidingWindow[layer]!,
            bias: true,
          }),
        mlp: (path) => new GatedMlp(path, config),
      });
    return new Decoder(config, {
      body: (path) => new DecoderBody(path, { ...config, norm, layer }),
    });
  },
});
