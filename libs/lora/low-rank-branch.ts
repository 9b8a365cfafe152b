/**
 * The trainable half of an injected layer: scale * dropout(up(selector(down(x)))), as in the layers of
 * github.com/cloneofsimo/lora.
 */
import { LowrankError } from '#base/errors.js';
import { gated } from '#jit/ops/gated.js';
import { dropout } from '#jit/ops/random-bits.js';
import { add, mul, reshape, type Tensor } from '#jit/ops.js';
import type { DropoutStreams, Selector } from '#lora/layer-run.js';
import { Module, type Parameter, type Slot } from '#nn/module.js';

/** Dropout of one injected layer while it trains. */
export interface BranchDropout {
  /** Share that is set to zero. */
  readonly rate: number;
  /** 'output' drops from what up gives, as cloneofsimo's layers do; 'input' from what down reads, as PEFT's do. */
  readonly on: 'output' | 'input';
  /** Row of the dropout streams that belongs to this layer. */
  readonly site: number;
  readonly streams: DropoutStreams;
}

export interface InjectedOptions {
  readonly r: number;
  /** Default 'identity'. */
  readonly selector?: Selector;
  readonly dropout?: BranchDropout;
}

/** A layer that is one of the two factors. */
type Factor = Module & { forward(x: Tensor): Tensor };

export class LowRankBranch extends Module {
  readonly r: number;
  readonly down: Slot<Factor>;
  readonly up: Slot<Factor>;
  /** A scalar, given with every run. With 0 the layer gives its base's bits. */
  readonly scale: Parameter;
  /** [r], given with every run. */
  readonly selector: Parameter | undefined;
  private readonly dropout: BranchDropout | undefined;

  /** `path` is the injected layer's; the factors lie below it as `lora_down` and `lora_up`. */
  constructor(path: string, options: InjectedOptions, down: Factor, up: Factor) {
    super(path);
    this.r = options.r;
    this.dropout = options.dropout;
    this.down = this.child('lora_down', () => down);
    this.up = this.child('lora_up', () => up);
    this.scale = this.parameter('lora_scale', []);
    this.selector =
      options.selector === 'diagonal' ? this.parameter('lora_selector', [options.r]) : undefined;
  }

  /** y + scale * dropout(up(selector(down(x)))). */
  addTo(y: Tensor, x: Tensor): Tensor {
    const { dropout: drop, scale, selector } = this;
    const dropped = (z: Tensor, on: BranchDropout['on']) =>
      drop?.streams.keys && drop.on === on && drop.rate > 0
        ? dropout(z, drop.rate, drop.streams.keys, drop.site)
        : z;
    const low = this.down.module.forward(dropped(x, 'input'));
    // Channels are the second axis of an image and of a row; scaled here, where there are only r of them.
    const factor = selector ? mul(selector.tensor, scale.tensor) : scale.tensor;
    const perChannel = selector ? reshape(factor, [this.r, ...low.shape.slice(2).map(() => 1)]) : factor;
    const change = this.up.module.forward(mul(low, perChannel));
    return add(y, gated(dropped(change, 'output'), scale.tensor));
  }
}

/** Throws `rank_too_large` for a rank that no update of a layer can have. */
export function checkRank(path: string, r: number, inSize: number, outSize: number): void {
  const largest = Math.min(inSize, outSize);
  if (r <= largest) return;
  throw new LowrankError(
    'rank_too_large',
    `the rank ${r} exceeds the smaller side of the layer at ${path} [${outSize}, ${inSize}]: use r of at most ${largest} there`,
    { details: { module: path, r, largest } },
  );
}
