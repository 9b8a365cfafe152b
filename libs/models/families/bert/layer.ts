/** One layer of BERT: attention in both directions and a feed-forward layer, a norm after each. */
import { gelu } from '#jit/ops/gelu.js';
import { add, type Tensor } from '#jit/ops.js';
import { Attention, type AttentionOptions, type Projections } from '#nn/attention.js';
import { DecoderLayer } from '#nn/decoder-layers.js';
import type { DecoderPass } from '#nn/decoder-pass.js';
import { LayerNorm, Linear } from '#nn/layers.js';
import type { PlainActivation } from '#nn/mlp.js';
import { Module, type RowMap, type Slot, Unweighted } from '#nn/module.js';

export interface EncoderLayerOptions {
  readonly hiddenSize: number;
  readonly heads: number;
  readonly intermediateSize: number;
  readonly activation: PlainActivation;
  readonly normEps: number;
}

class SelfAttention extends Attention {
  private readonly query: Slot<RowMap>;
  private readonly key: Slot<RowMap>;
  private readonly value: Slot<RowMap>;

  constructor(path: string, options: AttentionOptions, hiddenSize: number) {
    super(path, options);
    const linear = (path: string) => new Linear(path, hiddenSize, hiddenSize, true);
    this.query = this.child<RowMap>('query', linear);
    this.key = this.child<RowMap>('key', linear);
    this.value = this.child<RowMap>('value', linear);
    this.child('dropout', (path) => new Unweighted(path));
  }

  protected override project(x: Tensor): Projections {
    const [q, k, v] = [this.query, this.key, this.value].map(({ module }) => module.forward(x)) as [
      Tensor,
      Tensor,
      Tensor,
    ];
    return { q, keysAndValues: { k, v } };
  }

  protected override output(x: Tensor): Tensor {
    return x;
  }
}

/** norm(dense(x) + residual). */
class AddedAndNormed extends Module {
  private readonly dense: Slot<RowMap>;
  private readonly norm: Slot<LayerNorm>;

  constructor(path: string, inFeatures: number, { hiddenSize, normEps }: EncoderLayerOptions) {
    super(path);
    this.dense = this.child<RowMap>('dense', (path) => new Linear(path, inFeatures, hiddenSize, true));
    this.norm = this.child('LayerNorm', (path) => new LayerNorm(path, hiddenSize, normEps));
    this.child('dropout', (path) => new Unweighted(path));
  }

  forward(x: Tensor, residual: Tensor): Tensor {
    return this.norm.module.forward(add(this.dense.module.forward(x), residual));
  }
}

class AttentionPart extends Module {
  readonly self: Slot<SelfAttention>;
  private readonly output: Slot<AddedAndNormed>;

  constructor(path: string, layer: number, options: EncoderLayerOptions) {
    super(path);
    const { hiddenSize, heads } = options;
    const attention: AttentionOptions = {
      layer,
      heads,
      kvHeads: heads,
      headDim: hiddenSize / heads,
      rotary: null,
      window: null,
      bidirectional: true,
    };
    this.self = this.child('self', (path) => new SelfAttention(path, attention, hiddenSize));
    this.output = this.child('output', (path) => new AddedAndNormed(path, hiddenSize, options));
  }

  forward(x: Tensor, pass: DecoderPass): Tensor {
    return this.output.module.forward(this.self.module.forward(x, pass), x);
  }
}

class Intermediate extends Module {
  private readonly dense: Slot<RowMap>;

  constructor(
    path: string,
    private readonly options: EncoderLayerOptions,
  ) {
    super(path);
    const { hiddenSize, intermediateSize } = options;
    this.dense = this.child<RowMap>('dense', (path) => new Linear(path, hiddenSize, intermediateSize, true));
    this.child('intermediate_act_fn', (path) => new Unweighted(path));
  }

  forward(x: Tensor): Tensor {
    return gelu(this.dense.module.forward(x), this.options.activation === 'gelu' ? 'erf' : 'tanh');
  }
}

export class EncoderLayer extends DecoderLayer {
  private readonly attention: Slot<AttentionPart>;
  private readonly intermediate: Slot<Intermediate>;
  private readonly output: Slot<AddedAndNormed>;

  constructor(path: string, layer: number, options: EncoderLayerOptions) {
    super(path);
    this.attention = this.child('attention', (path) => new AttentionPart(path, layer, options));
    this.intermediate = this.child('intermediate', (path) => new Intermediate(path, options));
    this.output = this.child('output', (path) => new AddedAndNormed(path, options.intermediateSize, options));
  }

  forward(x: Tensor, pass: DecoderPass): Tensor {
    const attended = this.attention.module.forward(x, pass);
    return this.output.module.forward(this.intermediate.module.forward(attended), attended);
  }
}
