/** LFM2 (Liquid AI 2025): most layers look at the last three tokens only, by a short convolution between two gates. */
import { z } from 'zod';
import { mul, split, type Tensor } from '#jit/ops.js';
import { swiGlu } from '#jit/ops/swiglu.js';
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
import { type Mixer, PreNormLayer } from '#nn/decoder-layers.js';
import type { DecoderPass } from '#nn/decoder-pass.js';
import { Linear, RmsNorm } from '#nn/layers.js';
import { Mlp } from '#nn/mlp.js';
import { Module, type RowMap, type Slot } from '#nn/module.js';
import { rotaryFrequencies } from '#nn/rotary-frequencies.js';
import { ShortConv } from '#nn/short-conv.js';

interface Lfm2Config extends RotaryFields {
  readonly layerTypes: readonly string[];
  readonly convSize: number;
  readonly convBias: boolean;
}

/** out(C * conv(B * x)), with B, C and x the parts of one product. */
class GatedConv extends Module implements Mixer {
  private readonly conv: Slot<ShortConv>;
  private readonly inProjection: Slot<RowMap>;
  private readonly outProjection: Slot<RowMap>;

  constructor(path: string, { hiddenSize, convSize, convBias: bias }: Lfm2Config) {
    super(path);
    this.conv = this.child('conv', (path) => new ShortConv(path, hiddenSize, convSize, bias));
    const linear = (name: string, outputs: number) =>
      this.child<RowMap>(name, (path) => new Linear(path, hiddenSize, outputs, bias));
    this.inProjection = linear('in_proj', 3 * hiddenSize);
    this.outProjection = linear('out_proj', hiddenSize);
  }

  forward(x: Tensor, pass: DecoderPass): Tensor {
    const [before, after, value] = split(this.inProjection.module.forward(x), 3, 1) as [
      Tensor,
      Tensor,
      Tensor,
    ];
    const found = this.conv.module.forward(mul(before, value), pass);
    return this.outProjection.module.forward(mul(after, found));
  }
}

/** w2(silu(w1(x)) * w3(x)). */
class FeedForward extends Mlp {
  private readonly gate: Slot<RowMap>;
  private readonly up: Slot<RowMap>;
  private readonly down: Slot<RowMap>;

  constructor(path: string, { hiddenSize, intermediateSize }: Lfm2Config) {
    super(path);
    const linear = (name: string, inputs: number, outputs: number) =>
      this.child<RowMap>(name, (path) => new Linear(path, inputs, outputs, false));
    this.gate = linear('w1', hiddenSize, intermediateSize);
    this.up = linear('w3', hiddenSize, intermediateSize);
    this.down = linear('w2', intermediateSize, hiddenSize);
  }

  forward(x: Tensor): Tensor {
    return this.down.module.forward(swiGlu(this.gate.module.forward(x), this.up.module.forward(x)));
  }
}

export const lfm2 = defineFamily<Lfm2Config>({
  name: 'LFM2',
  architecture: 'Lfm2ForCausalLM',
  modelType: 'lfm2',
  // PEFT has no choice of its own for this family.
  defaultTargets: ['q_proj', 'v_proj', 'in_proj'],
  parse: (written) => {
    // Names that older files have.
    const { block_ff_dim: width, tie_embedding: tied, norm_eps: eps } = written.json;
    const reader = written.withFields({
      rms_norm_eps: eps ?? 1e-5,
      ...(width === undefined ? {} : { intermediate_size: width }),
      ...(tied === undefined ? {} : { tie_word_embeddings: tied }),
    });
    const fields = readRotaryFields(reader, {
      hiddenSize: 2560,
      intermediateSize: 12_288,
      kvHeads: 8,
      vocabSize: 65_536,
      maxPositionEmbeddings: 128_000,
      tieWordEmbeddings: true,
      padTokenId: 0,
      bosTokenId: 1,
      eosTokenId: 2,
      theta: 1e6,
    });
    const file = reader.fields({
      conv_bias: z.boolean().default(false),
      conv_L_cache: z.int().min(2).max(64).default(3),
      block_multiple_of: size.default(256),
      block_ffn_dim_multiplier: z.number().positive().nullable().default(1),
      block_auto_adjust_ff_dim: z.boolean().default(true),
      full_attn_idxs: z.array(z.int().nonnegative()).nullish(),
    });
    const { full_attn_idxs: listed, block_multiple_of: multiple } = file;
    const narrowed = Math.trunc((2 * fields.intermediateSize) / 3);
    const adjusted =
      file.block_ffn_dim_multiplier === null
        ? narrowed
        : multiple * Math.ceil(Math.trunc(file.block_ffn_dim_multiplier * narrowed) / multiple);
    return {
      ...fields,
      intermediateSize: file.block_auto_adjust_ff_dim ? adjusted : fields.intermediateSize,
      layerTypes: readLayerTypes(reader, fields.layers, ['full_attention', 'conv'], (layer) =>
        !listed || listed.includes(layer) ? 'full_attention' : 'conv',
      ),
      convSize: file.conv_L_cache,
      convBias: file.conv_bias,
    };
  },
  build: (config) => {
    const { hiddenSize, rmsNormEps, layerTypes } = config;
    const rotary = rotaryFrequencies(config.rotarySize, config.rope);
    const sizedNorm = (path: string, size: number) => new RmsNorm(path, size, rmsNormEps);
    const norm = (path: string) => sizedNorm(path, hiddenSize);
    const layer = (path: string, layer: number) => {
      const isConv = layerTypes[layer] === 'conv';
      const attention = (path: string) =>
        new ProjectedAttention(path, {
          ...config,
          layer,
          rotary,
          window: null,
          outputName: 'out_proj',
          queryKeyNorm: { over: 'head', norm: sizedNorm, names: ['q_layernorm', 'k_layernorm'] },
        });
      return new PreNormLayer(path, {
        norm,
        names: {
          attention: isConv ? 'conv' : 'self_attn',
          mlp: 'feed_forward',
          attentionNorm: 'operator_norm',
          mlpNorm: 'ffn_norm',
        },
        attention: isConv ? (path) => new GatedConv(path, config) : attention,
        mlp: (path) => new FeedForward(path, config),
      });
    };
    return new Decoder(config, {
      body: (path) =>
        new DecoderBody(path, {
          ...config,
          norm,
          layer,
          names: {
            tokens: 'embed_tokens',
            layers: 'layers',
            beforeNorm: ['rotary_emb'],
            norm: 'embedding_norm',
          },
        }),
    });
  },
});
