/** Mistral (Jiang et al. 2023): one sliding window for all layers. */
import { Decoder } from '#models/decoder.js';
import { type RotaryFields, readRotaryFields, readWindow } from '#models/families/decoder-fields.js';
import { defineFamily } from '#models/families/family.js';
import { decoderGguf } from '#models/gguf/decoder-gguf.js';
import { ProjectedAttention } from '#nn/attention.js';
import { DecoderBody } from '#nn/decoder-body.js';
import { PreNormLayer } from '#nn/decoder-layers.js';
import { RmsNorm } from '#nn/layers.js';
import { GatedMlp } from '#nn/mlp.js';
import { rotaryFrequencies } from '#nn/rotary-frequencies.js';

interface MistralConfig extends RotaryFields {
  readonly slidingWindow: number | null;
}

export const mistral = defineFamily<MistralConfig>({
  name: 'Mistral',
  architecture: 'MistralForCausalLM',
  modelType: 'mistral',
  sequenceClassifier: 'MistralForSequenceClassification',
  defaultTargets: ['q_proj', 'v_proj'],
  parse: (reader) => {
    const { layer_types: types } = reader.json;
    if (Array.isArray(types) && new Set(types).size > 1) {
      reader.refuse('layer_types', 'every layer of a Mistral model has the same window');
    }
    const fields = readRotaryFields(reader, {
      intermediateSize: 14_336,
      kvHeads: 8,
      vocabSize: 32_000,
      maxPositionEmbeddings: 131_072,
      bosTokenId: 1,
      eosTokenId: 2,
    });
    return { ...fields, slidingWindow: readWindow(reader, 4096) };
  },
  // Its window is unknown there: texts longer than that are attended to as a whole.
  gguf: (config) => decoderGguf(config, { ...config, architecture: 'llama', turnsNeighbours: true }),
  build: (config) => {
    const { rotarySize, hiddenSize, rope, slidingWindow: window } = config;
    const rotary = rotaryFrequencies(rotarySize, rope);
    const norm = (path: string) => new RmsNorm(path, hiddenSize, config.rmsNormEps);
    const layer = (path: string, layer: number) =>
      new PreNormLayer(path, {
        norm,
        attention: (path) => new ProjectedAttention(path, { ...config, layer, rotary, window }),
        mlp: (path) => new GatedMlp(path, config),
      });
    return new Decoder(config, {
      body: (path) => new DecoderBody(path, { ...config, norm, layer }),
    });
  },
});
