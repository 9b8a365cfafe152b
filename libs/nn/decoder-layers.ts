/** How attention, feed-forward layer and norms are put together in one layer of a decoder. */
import { add, type Tensor } from '#jit/ops.js';
import type { Attention } from '#nn/attention.js';
import type { DecoderPass } from '#nn/decoder-pass.js';
import type { Norm } from '#nn/layers.js';
import type { Mlp } from '#nn/mlp.js';
import { Module, type Slot } from '#nn/module.js';

export abstract class DecoderLayer extends Module {
  /** Rows [rows, hiddenSize] to the same. */
  abstract forward(x: Tensor, pass: DecoderPass): Tensor;
}

/** What makes the parts of a layer, given their paths. */
export interface LayerParts {
  readonly attention: (path: string) => Attention;
  readonly mlp: (path: string) => Mlp;
  readonly norm: (path: string) => Norm;
}

/** A norm before attention and one before the feed-forward layer, as in Llama. */
export class PreNormLayer extends DecoderLayer {
  private readonly attention: Slot<Attention>;
  private readonly mlp: Slot<Mlp>;
  private readonly attentionNorm: Slot<Norm>;
  private readonly mlpNorm: Slot<Norm>;

  constructor(path: string, { attention, mlp, norm }: LayerParts) {
    super(path);
    this.attention = this.child('self_attn', attention);
    this.mlp = this.child('mlp', mlp);
    this.attentionNorm = this.child('input_layernorm', norm);
    this.mlpNorm = this.child('post_attention_layernorm', norm);
  }

  forward(x: Tensor, pass: DecoderPass): Tensor {
    const attended = add(x, this.attention.module.forward(this.attentionNorm.module.forward(x), pass));
    return add(attended, this.mlp.module.forward(this.mlpNorm.module.forward(attended)));
  }
}
