/** OLMo 3 (OLMo Team 2025): OLMo 2 with a window on three layers of four, each kind with its own positions. */
import { z } from 'zod';
import type { LayerRopes } from '#models/config-rope.js';
import { Decoder } from '#models/decoder.js';
import {
  attentionTypes,
  type DecoderFields,
  readDecoderFields,
  readLayerRopes,
  readLayerTypes,
  readWindow,
} from '#models/families/decoder-fields.js';
import { defineFamily } from '#models/families/family.js';
import { ProjectedAttention } from '#nn/attention.js';
import { DecoderBody } from '#nn/decoder-body.js';
import { PostNormLayer } from '#nn/decoder-layers.js';
import { RmsNorm } from '#nn/layers.js';
import { GatedMlp } from '#nn/mlp.js';
import { rotaryFrequencies } from '#nn/rotary-frequencies.js';

interface Olmo3Config extends DecoderFields {
  readonly ropes: LayerRopes;
  readonly attentionBias: boolean;
  readonly layerTypes: readonly string[];
  readonly slidingWindow: number | null;
}

export const olmo3 = defineFamily<Olmo3Config>({
  name: 'OLMo 3',
  architecture: 'Olmo3ForCausalLM',
  modelType: 'olmo3',
  sequenceClassifier: 'Olmo3ForSequenceClassification',
  // PEFT has no choice of its own for this family.
  defaultTargets: ['q_proj', 'v_proj'],
  parse: (reader) => {
    const fields = readDecoderFields(reader, {
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
    return {
      ...fields,
      // A base at the top of the file is that of layers without a window only.
      ropes: readLayerRopes(reader, fields, { full: 5e5, sliding: 5e5 }),
      attentionBias: file.attention_bias,
      layerTypes: readLayerTypes(reader, fields.layers, attentionTypes, (layer) =>
        (layer + 1) % 4 === 0 ? 'full_attention' : 'sliding_attention',
      ),
      slidingWindow: readWindow(reader, 4096),
    };
  },
  build: (config) => {
    const { hiddenSize, headDim, rmsNormEps, attentionBias: bias, ropes, layerTypes } = config;
    const full = { rotary: rotaryFrequencies(headDim, ropes.full), window: null };
    const sliding = { rotary: rotaryFrequencies(headDim, ropes.sliding), window: config.slidingWindow };
    const sizedNorm = (path: string, size: number) => new RmsNorm(path, size, rmsNormEps);
    const norm = (path: string) => sizedNorm(path, hiddenSize);
    const layer = (path: string, layer: number) =>
      new PostNormLayer(path, {
        norm,
        attention: (path) =>
          new ProjectedAttention(path, {
            ...config,
            ...(layerTypes[layer] === 'full_attention' ? full : sliding),
            layer,
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
