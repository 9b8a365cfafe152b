/** A frozen linear layer with a trainable low-rank addition (Hu et al. 2021), in PEFT's form. */
import { dropout } from '#jit/ops/random-bits.js';
import { linear } from '#jit/ops/linear.js';
import { add, mul, scalar, type Tensor } from '#jit/ops.js';
import { type Parameter, RowMap } from '#nn/module.js';

/** Where the layers of a model find their dropout streams: int32 [sites, 2], or none when nothing is dropped. */
export interface DropoutStreams {
  keys: Tensor | undefined;
}

/** Whether the layers of a model add their updates while a step is made; off, they give what their base gives. */
export interface AdapterSwitch {
  on: boolean;
}

/** With 'diagonal' a vector of r numbers, given with every run, stands between the factors; 'identity' is none. */
export type Selector = 'identity' | 'diagonal';

export interface LoraLinearOptions {
  readonly r: number;
  readonly scale: number;
  /** Share of the inputs of A that are set to zero while training. */
  readonly dropout: number;
  /** Row of the dropout streams that belongs to this layer. */
  readonly site: number;
  readonly streams: DropoutStreams;
  /** Shared by the layers of a model; always on unless given. */
  readonly adapter?: AdapterSwitch;
  /** Default 'identity'. */
  readonly selector?: Selector;
}

/**
 * y = base(x) + scale * B diag(s) A dropout(x); A is [r, in], B is [out, r], s is the selector [r], if there is one.
 * With scale 0 it is the base's bits, and with a selector of zeros too, as an exact zero is added.
 */
export class LoraLinear extends RowMap {
  readonly inFeatures: number;
  readonly outFeatures: number;
  readonly A: Parameter;
  readonly B: Parameter;
  readonly selector: Parameter | undefined;

  constructor(
    readonly base: RowMap,
    private readonly options: LoraLinearOptions,
  ) {
    super(base.path);
    this.inFeatures = base.inFeatures;
    this.outFeatures = base.outFeatures;
    this.A = this.parameter('lora_A.weight', [options.r, this.inFeatures]);
    this.B = this.parameter('lora_B.weight', [this.outFeatures, options.r]);
    this.selector =
      options.selector === 'diagonal' ? this.parameter('lora_selector', [options.r]) : undefined;
    // The base keeps its own path, so its weight keeps its name.
    this.child('', () => base);
  }

  forward(x: Tensor): Tensor {
    const { scale, dropout: rate, site, streams, adapter } = this.options;
    const y = this.base.forward(x);
    if (scale === 0 || adapter?.on === false) return y;
    const input = streams.keys && rate > 0 ? dropout(x, rate, streams.keys, site) : x;
    const low = linear(input, this.A.tensor);
    const down = this.selector ? mul(low, this.selector.tensor) : low;
    return add(y, linear(scale === 1 ? down : mul(down, scalar(scale)), this.B.tensor));
  }
}
