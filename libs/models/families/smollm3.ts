/** SmolLM3 (Hugging Face 2025): every fourth layer knows no positions. */
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
import { decoderGguf } from '#models/gguf/decoder-gguf.js';
import { windowsRefused } from '#models/gguf/refusals.js';
import { ProjectedAttention } from '#nn/attention.js';
import { DecoderBody } from '#nn/decoder-body.js';
import { PreNormLayer } from '#nn/decoder-layers.js';
import { RmsNorm } from '#nn/layers.js';
import { GatedMlp } from '#nn/mlp.js';
import { rotaryFrequencies } from '#nn/rotary-frequencies.js';

interface SmolLM3Config extends RotaryFields {
  readonly attentionBias: boolean;
  readonly mlpBias: boolean;
  readonly hasPositions: readonly boolean[];
  readonly slidingWindow: readonly (number | null)[];
}

export const smollm3 = defineFamily<SmolLM3Config>({
  name: 'SmolLM3',
  architecture: 'SmolLM3ForCausalLM',
  modelType: 'smollm3',
  sequenceClassifier: 'SmolLM3ForSequenceClassification',
  // PEFT has no choice of its own for this family.
  defaultTargets: ['q_proj', 'v_proj'],
  parse: (reader) => {
    const fields = readRotaryFields(reader, {
      hiddenSize: 2048,
      intermediateSize: 11_008,
      layers: 36,
      heads: 16,
      kvHeads: 4,
      vocabSize: 128_256,
      maxPositionEmbeddings: 32_768,
      tieWordEmbeddings: true,
      padTokenId: 128_004,
      bosTokenId: 128_000,
      eosTokenId: 128_001,
      theta: 2e6,
    });
    const { layers } = fields;
    const file = reader.fields({
      attention_bias: z.boolean().default(false),
      mlp_bias: z.boolean().default(false),
      no_rope_layers: z.array(z.int()).nullish(),
      no_rope_layer_interval: z.int().positive().default(4),
      use_sliding_window: z.boolean().default(false),
    });
    const { no_rope_layers: listed, no_rope_layer_interval: interval } = file;
    if (listed && listed.length !== layers) {
      reader.report('no_rope_layers', `has ${listed.length} entries for ${layers} layers`);
    }
    // Despite its name the list says 1 for layers with rotary positions.
    const hasPositions = Array.from({ length: layers }, (_, layer) =>
      listed ? Boolean(listed[layer]) : (layer + 1) % interval !== 0,
    );
    const window = file.use_sliding_window ? readWindow(reader, null) : null;
    const types = readLayerTypes(reader, layers, attentionTypes, (layer) =>
      window !== null && !hasPositions[layer] ? 'sliding_attention' : 'full_attention',
    );
    return {
      ...fields,
      attentionBias: file.attention_bias,
      mlpBias: file.mlp_bias,
      hasPositions,
      slidingWindow: windowsOf(types, window),
    };
  },
  gguf: (config) =>
    decoderGguf(config, {
      ...config,
      architecture: 'smollm3',
      turnsNeighbours: true,
      refusal: config.hasPositions.every((has, layer) => has === ((layer + 1) % 4 !== 0))
        ? windowsRefused(config)
        : 'the layers without positions are not every fourth',
    }),
  build: (config) => {
    const { hiddenSize, rmsNormEps, attentionBias: bias, hasPositions, slidingWindow } = config;
    const rotary = rotaryFrequencies(config.rotarySize, config.rope);
    const norm = (path: string) => new RmsNorm(path, hiddenSize, rmsNormEps);
    const layer = (path: string, layer: number) =>
      new PreNormLayer(path, {
        norm,
        attention: (path) =>
          new ProjectedAttention(path, {
            ...config,
            layer,
            rotary: hasPositions[layer] ? rotary : null,
            window: slidingWindow[layer]!,
            bias,
            outputBias: bias,
          }),
        mlp: (path) => new GatedMlp(path, { ...config, bias: config.mlpBias }),
      });
    return new Decoder(config, {
      body: (path) => new DecoderBody(path, { ...config, norm, layer }),
    });
  },
});
