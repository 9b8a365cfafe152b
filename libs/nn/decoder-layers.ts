/** How attention, feed-forward layer and norms are put together in one layer of a decoder. */
import { add, mul, scalar, type Tensor } from '#jit/ops.js';
import type { DecoderPass } from '#nn/decoder-pass.js';
import type { Norm } from '#nn/layers.js';
import type { Mlp } from '#nn/mlp.js';
import { Module, type Slot } from '#nn/module.js';

export abstract class DecoderLayer extends Module {
  /** Rows [rows, hiddenSize] to the same; `own` is what the body made for this layer alone, if it does. */
  abstract forward(x: Tensor, pass: DecoderPass, own?: Tensor): Tensor;
}

/** What lets tokens see each other: attention in most layers. */
export interface Mixer extends Module {
  /** Rows [rows, hiddenSize] to the same. */
  forward(x: Tensor, pass: DecoderPass): Tensor;
}

/** What makes the parts of a layer, given their paths. */
export interface LayerParts {
  readonly attention: (path: string) => Mixer;
  readonly mlp: (path: string) => Mlp;
  readonly norm: (path: string) => Norm;
}

type Part = 'attention' | 'mlp' | 'attentionNorm' | 'mlpNorm';

/** Names of the parts, in the order of the model's own tree. */
export type PartNames<P extends Part = Part> = Readonly<Record<P, string>>;

const llamaNames: PartNames = {
  attention: 'self_attn',
  mlp: 'mlp',
  attentionNorm: 'input_layernorm',
  mlpNorm: 'post_attention_layernorm',
};

export interface PreNormOptions extends LayerParts {
  readonly names?: PartNames;
  /** What attention and feed-forward layer add is multiplied by it; 1 unless said otherwise. */
  readonly residualScale?: number;
  /** Whether both read what comes into the layer, as in GPT-NeoX, or the feed-forward layer what attention has added to. */
  readonly parallel?: boolean;
}

/** A norm before attention and one before the feed-forward layer, as in Llama. */
export class PreNormLayer extends DecoderLayer {
  private readonly attention: Slot<Mixer>;
  private readonly mlp: Slot<Mlp>;
  private readonly attentionNorm: Slot<Norm>;
  private readonly mlpNorm: Slot<Norm>;

  constructor(
    path: string,
    private readonly options: PreNormOptions,
  ) {
    super(path);
    const { attention, mlp, norm, names = llamaNames } = options;
    const make = { attention, mlp, attentionNorm: norm, mlpNorm: norm };
    const slots = Object.entries(names).map(([part, name]) => [
      part,
      this.child<Module>(name, make[part as Part]),
    ]);
    const made = Object.fromEntries(slots) as Record<Part, Slot<Module>>;
    this.attention = made.attention as Slot<Mixer>;
    this.mlp = made.mlp as Slot<Mlp>;
    this.attentionNorm = made.attentionNorm as Slot<Norm>;
    this.mlpNorm = made.mlpNorm as Slot<Norm>;
  }

  forward(x: Tensor, pass: DecoderPass): Tensor {
    const { residualScale: scale = 1, parallel = false } = this.options;
    const scaled = (x: Tensor) => (scale === 1 ? x : mul(x, scalar(scale)));
    const found = scaled(this.attention.module.forward(this.attentionNorm.module.forward(x), pass));
    const attended = add(x, found);
    const read = parallel ? x : attended;
    return add(attended, scaled(this.mlp.module.forward(this.mlpNorm.module.forward(read))));
  }
}

/** One norm, which attention and feed-forward layer both read, as in Phi. */
export class SharedNormLayer extends DecoderLayer {
  private readonly attention: Slot<Mixer>;
  private readonly mlp: Slot<Mlp>;
  private readonly norm: Slot<Norm>;

  constructor(path: string, { attention, mlp, norm }: LayerParts) {
    super(path);
    this.attention = this.child('self_attn', attention);
    this.mlp = this.child('mlp', mlp);
    this.norm = this.child('input_layernorm', norm);
  }

  forward(x: Tensor, pass: DecoderPass): Tensor {
    const normal = this.norm.module.forward(x);
    return add(add(x, this.attention.module.forward(normal, pass)), this.mlp.module.forward(normal));
  }
}

/** A norm of what attention adds and of what the feed-forward layer adds, none before them, as in OLMo 2. */
export class PostNormLayer extends DecoderLayer {
  private readonly attention: Slot<Mixer>;
  private readonly mlp: Slot<Mlp>;
  private readonly attentionNorm: Slot<Norm>;
  private readonly mlpNorm: Slot<Norm>;

  constructor(path: string, { attention, mlp, norm }: LayerParts) {
    super(path);
    this.attention = this.child('self_attn', attention);
    this.mlp = this.child('mlp', mlp);
    this.attentionNorm = this.child('post_attention_layernorm', norm);
    this.mlpNorm = this.child('post_feedforward_layernorm', norm);
  }

  forward(x: Tensor, pass: DecoderPass): Tensor {
    const attended = add(x, this.attentionNorm.module.forward(this.attention.module.forward(x, pass)));
    return add(attended, this.mlpNorm.module.forward(this.mlp.module.forward(attended)));
  }
}

/** Norms before and after both, as in Gemma 2. */
export class SandwichLayer extends DecoderLayer {
  private readonly attention: Slot<Mixer>;
  private readonly mlp: Slot<Mlp>;
  private readonly norms: readonly Slot<Norm>[];

  constructor(path: string, { attention, mlp, norm }: LayerParts) {
    super(path);
    this.attention = this.child('self_attn', attention);
    this.mlp = this.child('mlp', mlp);
    this.norms = [
      'input_layernorm',
      'post_attention_layernorm',
      'pre_feedforward_layernorm',
      'post_feedforward_layernorm',
    ].map((name) => this.child(name, norm));
  }

  forward(x: Tensor, pass: DecoderPass): Tensor {
    const [beforeAttention, afterAttention, beforeMlp, afterMlp] = this.norms.map(({ module }) => module) as [
      Norm,
      Norm,
      Norm,
      Norm,
    ];
    const found = this.attention.module.forward(beforeAttention.forward(x), pass);
    const attended = add(x, afterAttention.forward(found));
    return add(attended, afterMlp.forward(this.mlp.module.forward(beforeMlp.forward(attended))));
  }
}
