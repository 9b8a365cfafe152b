/** Phi-3 and Phi-4 mini (Abdin et al. 2024): queries, keys and values in one layer, gate and up in another. */
import { split, type Tensor } from '#jit/ops.js';
import { Decoder } from '#models/decoder.js';
import { readRotaryFields, readWindow, type RotaryFields } from '#models/families/decoder-fields.js';
import { defineFamily } from '#models/families/family.js';
import { decoderGguf, uint32 } from '#models/gguf/decoder-gguf.js';
import { FusedAttention } from '#nn/attention.js';
import { DecoderBody } from '#nn/decoder-body.js';
import { PreNormLayer } from '#nn/decoder-layers.js';
import { Linear, RmsNorm } from '#nn/layers.js';
import { gated, Mlp, type MlpOptions } from '#nn/mlp.js';
import { type RowMap, type Slot, Unweighted } from '#nn/module.js';
import { rotaryFrequencies } from '#nn/rotary-frequencies.js';

interface Phi3Config extends RotaryFields {
  readonly slidingWindow: number | null;
}

/** A gated feed-forward layer whose gate and up are the halves of one product. */
class FusedGatedMlp extends Mlp {
  private readonly gateUp: Slot<RowMap>;
  private readonly down: Slot<RowMap>;

  constructor(
    path: string,
    private readonly options: MlpOptions,
  ) {
    super(path);
    const { hiddenSize, intermediateSize } = options;
    this.gateUp = this.child<RowMap>(
      'gate_up_proj',
      (path) => new Linear(path, hiddenSize, 2 * intermediateSize, false),
    );
    this.down = this.child<RowMap>(
      'down_proj',
      (path) => new Linear(path, intermediateSize, hiddenSize, false),
    );
    this.child('activation_fn', (path) => new Unweighted(path));
  }

  forward(x: Tensor): Tensor {
    const [gate, up] = split(this.gateUp.module.forward(x), 2, 1) as [Tensor, Tensor];
    return this.down.module.forward(gated(gate, up, this.options.activation));
  }
}

export const phi3 = defineFamily<Phi3Config>({
  name: 'Phi-3',
  architecture: 'Phi3ForCausalLM',
  modelType: 'phi3',
  sequenceClassifier: 'Phi3ForSequenceClassification',
  // PEFT has no choice of its own for this family.
  defaultTargets: ['qkv_proj'],
  parse: (reader) => {
    const fields = readRotaryFields(reader, {
      hiddenSize: 3072,
      intermediateSize: 8192,
      kvHeads: null,
      vocabSize: 32_064,
      maxPositionEmbeddings: 4096,
      rmsNormEps: 1e-5,
      bosTokenId: 1,
      eosTokenId: 32_000,
      padTokenId: 32_000,
      partial: 1,
    });
    if (fields.rope.scaling.type !== 'default') {
      reader.refuse('rope_scaling', 'only models of short contexts are done, which have none');
    }
    return { ...fields, slidingWindow: readWindow(reader, null) };
  },
  // Its window is known there and not applied: longer texts are attended to as a whole.
  gguf: (config) =>
    decoderGguf(config, {
      ...config,
      architecture: 'phi3',
      names: { 'self_attn.qkv_proj': 'attn_qkv', 'mlp.gate_up_proj': 'ffn_up' },
      metadata: {
        'rope.scaling.original_context_length': uint32(config.maxPositionEmbeddings),
        'attention.sliding_window': uint32(config.slidingWindow ?? 0),
      },
    }),
  build: (config) => {
    const { hiddenSize, heads, kvHeads, headDim, rmsNormEps } = config;
    const rotary = rotaryFrequencies(config.rotarySize, config.rope);
    const norm = (path: string) => new RmsNorm(path, hiddenSize, rmsNormEps);
    const layer = (path: string, layer: number) =>
      new PreNormLayer(path, {
        norm,
        attention: (path) =>
          new FusedAttention(path, {
            ...config,
            layer,
            rotary,
            window: config.slidingWindow,
            layout: 'in turn',
            projections: {
              output: ['o_proj', (path) => new Linear(path, heads * headDim, hiddenSize, false)],
              fused: [
                'qkv_proj',
                (path) => new Linear(path, hiddenSize, (heads + 2 * kvHeads) * headDim, false),
              ],
            },
          }),
        mlp: (path) => new FusedGatedMlp(path, config),
      });
    return new Decoder(config, {
      body: (path) => new DecoderBody(path, { ...config, norm, layer }),
    });
  },
});
