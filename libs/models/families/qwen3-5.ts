/**
 * The text models of Qwen3.5 (Qwen Team 2026): Gated DeltaNet on three layers of four, attention with a gate on its
 * output and a part of every head rotated on the fourth.
 */
import { z } from 'zod';
import { Decoder } from '#models/decoder.js';
import {
  readLayerTypes,
  readRotaryFields,
  type RotaryFields,
  size,
} from '#models/families/decoder-fields.js';
import { defineFamily } from '#models/families/family.js';
import { ProjectedAttention } from '#nn/attention.js';
import { DecoderBody } from '#nn/decoder-body.js';
import { PreNormLayer } from '#nn/decoder-layers.js';
import { GatedDeltaNet } from '#nn/gated-delta-net.js';
import { OffsetRmsNorm } from '#nn/layers.js';
import { GatedMlp } from '#nn/mlp.js';
import { rotaryFrequencies } from '#nn/rotary-frequencies.js';

interface Qwen35Config extends RotaryFields {
  readonly layerTypes: readonly string[];
  readonly attentionBias: boolean;
  readonly keyHeads: number;
  readonly valueHeads: number;
  readonly keyDim: number;
  readonly valueDim: number;
  readonly convSize: number;
}

export const qwen35 = defineFamily<Qwen35Config>({
  name: 'Qwen3.5',
  architecture: 'Qwen3_5ForCausalLM',
  modelType: 'qwen3_5_text',
  sequenceClassifier: 'Qwen3_5TextForSequenceClassification',
  // PEFT has no choice of its own for this family.
  defaultTargets: ['q_proj', 'v_proj', 'in_proj_qkv'],
  files: {
    // Folders of image-text models whose config.json is that of the text model.
    namesOf: (name) => [name, name.replace(/^model\./, 'model.language_model.')],
    // Heads that predict several tokens, which transformers leaves unread too, and the vision tower of such folders.
    ignored: /^mtp|^model\.visual\./,
  },
  parse: (reader) => {
    reader.expect('hidden_act', ['silu', 'swish'], 'its convolutions are done with silu');
    const fields = readRotaryFields(reader, {
      intermediateSize: 12_288,
      heads: 16,
      kvHeads: 4,
      headDim: 256,
      vocabSize: 248_320,
      maxPositionEmbeddings: 32_768,
      bosTokenId: null,
      eosTokenId: null,
      partial: 0.25,
    });
    const file = reader.fields({
      attention_bias: z.boolean().default(false),
      full_attention_interval: z.int().positive().default(4),
      linear_conv_kernel_dim: z.int().min(2).max(64).default(4),
      linear_key_head_dim: size.default(128),
      linear_value_head_dim: size.default(128),
      linear_num_key_heads: size.default(16),
      linear_num_value_heads: size.default(32),
    });
    const [keyHeads, valueHeads] = [file.linear_num_key_heads, file.linear_num_value_heads];
    if (valueHeads % keyHeads !== 0) {
      reader.report(
        'linear_num_value_heads',
        `${valueHeads} is not a multiple of linear_num_key_heads ${keyHeads}`,
      );
    }
    return {
      ...fields,
      layerTypes: readLayerTypes(reader, fields.layers, ['linear_attention', 'full_attention'], (layer) =>
        (layer + 1) % file.full_attention_interval === 0 ? 'full_attention' : 'linear_attention',
      ),
      attentionBias: file.attention_bias,
      keyHeads,
      valueHeads,
      keyDim: file.linear_key_head_dim,
      valueDim: file.linear_value_head_dim,
      convSize: file.linear_conv_kernel_dim,
    };
  },
  build: (config) => {
    const { hiddenSize, rmsNormEps, layerTypes, attentionBias: bias } = config;
    const rotary = rotaryFrequencies(config.rotarySize, config.rope);
    const sizedNorm = (path: string, size: number) => new OffsetRmsNorm(path, size, rmsNormEps);
    const norm = (path: string) => sizedNorm(path, hiddenSize);
    const layer = (path: string, layer: number) => {
      const isLinear = layerTypes[layer] === 'linear_attention';
      const attention = (path: string) =>
        new ProjectedAttention(path, {
          ...config,
          layer,
          rotary,
          window: null,
          bias,
          outputBias: bias,
          gated: true,
          queryKeyNorm: { over: 'head', norm: sizedNorm },
        });
      return new PreNormLayer(path, {
        norm,
        names: {
          attention: isLinear ? 'linear_attn' : 'self_attn',
          mlp: 'mlp',
          attentionNorm: 'input_layernorm',
          mlpNorm: 'post_attention_layernorm',
        },
        attention: isLinear ? (path) => new GatedDeltaNet(path, config) : attention,
        mlp: (path) => new GatedMlp(path, config),
      });
    };
    return new Decoder(config, { body: (path) => new DecoderBody(path, { ...config, norm, layer }) });
  },
});
