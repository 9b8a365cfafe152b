/** GPT-NeoX (Black et al. 2022) and Pythia: one layer for queries, keys and values, beside it the feed-forward layer. */
import { z } from 'zod';
import { Decoder } from '#models/decoder.js';
import { readPlainActivation, readRotaryFields, type RotaryFields } from '#models/families/decoder-fields.js';
import { defineFamily } from '#models/families/family.js';
import { FusedAttention } from '#nn/attention.js';
import { DecoderBody } from '#nn/decoder-body.js';
import { PreNormLayer } from '#nn/decoder-layers.js';
import { LayerNorm, Linear } from '#nn/layers.js';
import { type PlainActivation, PlainMlp } from '#nn/mlp.js';
import { rotaryFrequencies } from '#nn/rotary-frequencies.js';

interface GptNeoxConfig extends RotaryFields {
  readonly activation: PlainActivation;
  readonly normEps: number;
  readonly attentionBias: boolean;
  readonly parallel: boolean;
}

export const gptNeox = defineFamily<GptNeoxConfig>({
  name: 'GPT-NeoX',
  architecture: 'GPTNeoXForCausalLM',
  modelType: 'gpt_neox',
  sequenceClassifier: 'GPTNeoXForSequenceClassification',
  defaultTargets: ['query_key_value'],
  files: {
    namesOf: (name) => (name.startsWith('lm_head.') ? [name.replace('lm_head', 'embed_out'), name] : [name]),
    // Masks that old files carry.
    ignored: /\.attention\.(bias|masked_bias)$/,
  },
  parse: (reader) => {
    reader.expect('num_key_value_heads', [], 'every head has keys and values of its own');
    const file = reader.fields({
      layer_norm_eps: z.number().positive().default(1e-5),
      attention_bias: z.boolean().default(true),
      use_parallel_residual: z.boolean().default(true),
      // The names that the first files have.
      rotary_pct: z.number().positive().max(1).default(0.25),
      rotary_emb_base: z.number().positive().default(10_000),
    });
    const fields = readRotaryFields(reader, {
      hiddenSize: 6144,
      intermediateSize: 24_576,
      layers: 44,
      heads: 64,
      kvHeads: null,
      vocabSize: 50_432,
      maxPositionEmbeddings: 2048,
      bosTokenId: 0,
      eosTokenId: 2,
      theta: file.rotary_emb_base,
      partial: file.rotary_pct,
    });
    const { hiddenSize, heads } = fields;
    if (hiddenSize % heads !== 0) {
      reader.report('hidden_size', `${hiddenSize} is not a multiple of num_attention_heads ${heads}`);
    }
    return {
      ...fields,
      activation: readPlainActivation(reader, 'hidden_act', 'gelu'),
      normEps: file.layer_norm_eps,
      attentionBias: file.attention_bias,
      parallel: file.use_parallel_residual,
    };
  },
  build: (config) => {
    const { hiddenSize, intermediateSize, normEps, attentionBias: bias, activation, parallel } = config;
    const rotary = rotaryFrequencies(config.rotarySize, config.rope);
    const norm = (path: string) => new LayerNorm(path, hiddenSize, normEps);
    const layer = (path: string, layer: number) =>
      new PreNormLayer(path, {
        norm,
        parallel,
        names: {
          attentionNorm: 'input_layernorm',
          mlpNorm: 'post_attention_layernorm',
          attention: 'attention',
          mlp: 'mlp',
        },
        attention: (path) =>
          new FusedAttention(path, {
            ...config,
            layer,
            rotary,
            window: null,
            layout: 'by head',
            projections: {
              fused: ['query_key_value', (path) => new Linear(path, hiddenSize, 3 * hiddenSize, bias)],
              output: ['dense', (path) => new Linear(path, hiddenSize, hiddenSize, bias)],
            },
          }),
        mlp: (path) =>
          new PlainMlp(path, {
            activation,
            up: ['dense_h_to_4h', (path) => new Linear(path, hiddenSize, intermediateSize, true)],
            down: ['dense_4h_to_h', (path) => new Linear(path, intermediateSize, hiddenSize, true)],
            act: 'act',
          }),
      });
    return new Decoder(config, {
      bodyName: 'gpt_neox',
      body: (path) =>
        new DecoderBody(path, {
          ...config,
          norm,
          layer,
          names: {
            tokens: 'embed_in',
            beforeLayers: ['emb_dropout'],
            layers: 'layers',
            norm: 'final_layer_norm',
            afterNorm: ['rotary_emb'],
          },
        }),
    });
  },
});
