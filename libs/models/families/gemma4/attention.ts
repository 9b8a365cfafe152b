/** The attention of Gemma 4. */
import { rmsNorm } from '#jit/ops/rms-norm.js';
import { ones, reshape, type Tensor } from '#jit/ops.js';
import { Attention, type AttentionOptions, normalise, type Projections } from '#nn/attention.js';
import { Linear, type Norm } from '#nn/layers.js';
import type { RowMap, Slot } from '#nn/module.js';

export interface Gemma4AttentionOptions extends AttentionOptions {
  readonly hiddenSize: number;
  readonly bias: boolean;
  readonly norm: (path: string, size: number) => Norm;
  readonly normEps: number;
  /** Whether the layer's keys are its values too, before either is normalised. */
  readonly keysAreValues: boolean;
}

/** Queries, keys and values are normalised; a layer that reads another's keys and values has none of its own. */
export class Gemma4Attention extends Attention {
  private readonly q: Slot<RowMap>;
  private readonly qNorm: Slot<Norm>;
  private readonly k: Slot<RowMap> | undefined;
  private readonly kNorm: Slot<Norm> | undefined;
  private readonly v: Slot<RowMap> | undefined;
  private readonly o: Slot<RowMap>;

  constructor(
    path: string,
    private readonly settings: Gemma4AttentionOptions,
  ) {
    super(path, settings);
    const { hiddenSize, heads, kvHeads, headDim, bias, norm, layer, keysFrom = layer } = settings;
    const project = (name: string, heads: number) =>
      this.child<RowMap>(name, (path) => new Linear(path, hiddenSize, heads * headDim, bias));
    this.q = project('q_proj', heads);
    this.qNorm = this.child('q_norm', (path) => norm(path, headDim));
    if (keysFrom === layer) {
      this.kNorm = this.child('k_norm', (path) => norm(path, headDim));
      this.k = project('k_proj', kvHeads);
      this.v = settings.keysAreValues ? undefined : project('v_proj', kvHeads);
    }
    this.o = this.child<RowMap>('o_proj', (path) => new Linear(path, heads * headDim, hiddenSize, bias));
  }

  protected override project(x: Tensor): Projections {
    const q = normalise(this.qNorm.module, this.q.module.forward(x));
    if (!this.k || !this.kNorm) return { q };
    const keys = this.k.module.forward(x);
    const values = this.v ? this.v.module.forward(x) : keys;
    return { q, keysAndValues: { k: normalise(this.kNorm.module, keys), v: this.normaliseValues(values) } };
  }

  protected override output(x: Tensor): Tensor {
    return this.o.module.forward(x);
  }

  private normaliseValues(v: Tensor): Tensor {
    const { headDim, normEps } = this.settings;
    return reshape(rmsNorm(reshape(v, [-1, headDim]), ones([headDim]), normEps), v.shape);
  }
}
