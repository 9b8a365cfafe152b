/** GPT-2 (Radford et al. 2019): learned positions, weights stored as [in, out]. */
import { z } from 'zod';
import { Decoder } from '#models/decoder.js';
import { noteCommonOptions, readPlainActivation, readTokens, size } from '#models/families/decoder-fields.js';
import { defineFamily } from '#models/families/family.js';
import type { TextConfig } from '#models/model-config.js';
import { FusedAttention } from '#nn/attention.js';
import { DecoderBody } from '#nn/decoder-body.js';
import { PreNormLayer } from '#nn/decoder-layers.js';
import { LayerNorm, TransposedLinear } from '#nn/layers.js';
import { type PlainActivation, PlainMlp } from '#nn/mlp.js';

interface Gpt2Config extends TextConfig {
  readonly heads: number;
  readonly intermediateSize: number;
  readonly activation: PlainActivation;
  readonly normEps: number;
  readonly scaled: boolean;
  readonly scaledByLayer: boolean;
}

export const gpt2 = defineFamily<Gpt2Config>({
  name: 'GPT-2',
  architecture: 'GPT2LMHeadModel',
  modelType: 'gpt2',
  sequenceClassifier: 'GPT2ForSequenceClassification',
  defaultTargets: ['c_attn'],
  files: {
    // The first files hold the body without its head.
    namesOf: (name) => [name, name.replace(/^transformer\./, '')],
    // Masks that old files carry.
    ignored: /(^|\.)attn\.(bias|masked_bias)$/,
  },
  parse: (reader) => {
    reader.expect('add_cross_attention', [false], 'a model by itself has nothing to attend to');
    noteCommonOptions(reader);
    const file = reader.fields({
      vocab_size: size.default(50_257),
      n_positions: size.default(1024),
      n_embd: size.default(768),
      n_layer: z.int().positive().max(10_000).default(12),
      n_head: size.default(12),
      n_inner: size.nullish(),
      layer_norm_epsilon: z.number().positive().default(1e-5),
      scale_attn_weights: z.boolean().default(true),
      scale_attn_by_inverse_layer_idx: z.boolean().default(false),
      tie_word_embeddings: z.boolean().default(true),
    });
    if (file.n_embd % file.n_head !== 0) {
      reader.report('n_embd', `${file.n_embd} is not a multiple of n_head ${file.n_head}`);
    }
    return {
      architecture: reader.architecture,
      modelType: reader.modelType,
      hiddenSize: file.n_embd,
      layers: file.n_layer,
      heads: file.n_head,
      intermediateSize: file.n_inner ?? 4 * file.n_embd,
      vocabSize: file.vocab_size,
      maxPositionEmbeddings: file.n_positions,
      activation: readPlainActivation(reader, 'activation_function', 'gelu_tanh'),
      normEps: file.layer_norm_epsilon,
      scaled: file.scale_attn_weights,
      scaledByLayer: file.scale_attn_by_inverse_layer_idx,
      tieWordEmbeddings: file.tie_word_embeddings,
      wrapper: null,
      ...readTokens(reader, { bosTokenId: 50_256, eosTokenId: 50_256 }),
      warnings: reader.warnings,
    };
  },
  build: (config) => {
    const { hiddenSize, heads, intermediateSize, normEps, activation } = config;
    const headDim = hiddenSize / heads;
    const norm = (path: string) => new LayerNorm(path, hiddenSize, normEps);
    const linear = (inputs: number, outputs: number) => (path: string) =>
      new TransposedLinear(path, inputs, outputs);
    const layer = (path: string, layer: number) =>
      new PreNormLayer(path, {
        norm,
        names: { attentionNorm: 'ln_1', attention: 'attn', mlpNorm: 'ln_2', mlp: 'mlp' },
        attention: (path) =>
          new FusedAttention(path, {
            layer,
            heads,
            kvHeads: heads,
            headDim,
            rotary: null,
            window: null,
            scale: (config.scaled ? headDim ** -0.5 : 1) / (config.scaledByLayer ? layer + 1 : 1),
            layout: 'in turn',
            projections: {
              fused: ['c_attn', linear(hiddenSize, 3 * hiddenSize)],
              output: ['c_proj', linear(hiddenSize, hiddenSize)],
            },
          }),
        mlp: (path) =>
          new PlainMlp(path, {
            activation,
            up: ['c_fc', linear(hiddenSize, intermediateSize)],
            down: ['c_proj', linear(intermediateSize, hiddenSize)],
            act: 'act',
          }),
      });
    return new Decoder(config, {
      bodyName: 'transformer',
      body: (path) =>
        new DecoderBody(path, {
          ...config,
          norm,
          layer,
          learnedPositions: config.maxPositionEmbeddings,
          names: { tokens: 'wte', positions: 'wpe', beforeLayers: ['drop'], layers: 'h', norm: 'ln_f' },
        }),
    });
  },
});
