/** The feed-forward layers of decoders. */
import { gelu } from '#jit/ops/gelu.js';
import { swiGlu } from '#jit/ops/swiglu.js';
import { mul, type Tensor } from '#jit/ops.js';
import { Linear } from '#nn/layers.js';
import { Module, type RowMap, type Slot, Unweighted } from '#nn/module.js';

/** What a feed-forward layer bends its numbers with: a plain one, and one with a gate. */
export type PlainActivation = 'gelu' | 'gelu_tanh';
export type Activation = 'silu' | PlainActivation;

export abstract class Mlp extends Module {
  /** Rows [rows, hiddenSize] to the same. */
  abstract forward(x: Tensor): Tensor;
}

export interface MlpOptions {
  readonly hiddenSize: number;
  readonly intermediateSize: number;
  readonly activation: Activation;
  readonly bias?: boolean;
}

/** activation(gate) * up. */
export function gated(gate: Tensor, up: Tensor, activation: Activation): Tensor {
  return activation === 'silu' ? swiGlu(gate, up) : mul(bent(gate, activation), up);
}

const bent = (x: Tensor, activation: PlainActivation) => gelu(x, activation === 'gelu' ? 'erf' : 'tanh');

/** down(activation(gate(x)) * up(x)). */
export class GatedMlp extends Mlp {
  private readonly gate: Slot<RowMap>;
  private readonly up: Slot<RowMap>;
  private readonly down: Slot<RowMap>;

  constructor(
    path: string,
    private readonly options: MlpOptions,
  ) {
    super(path);
    const { hiddenSize, intermediateSize, bias = false } = options;
    const layer = (name: string, inputs: number, outputs: number) =>
      this.child<RowMap>(name, (path) => new Linear(path, inputs, outputs, bias));
    this.gate = layer('gate_proj', hiddenSize, intermediateSize);
    this.up = layer('up_proj', hiddenSize, intermediateSize);
    this.down = layer('down_proj', intermediateSize, hiddenSize);
    this.child('act_fn', (path) => new Unweighted(path));
  }

  forward(x: Tensor): Tensor {
    const { activation } = this.options;
    return this.down.module.forward(
      gated(this.gate.module.forward(x), this.up.module.forward(x), activation),
    );
  }
}

export interface PlainMlpOptions {
  readonly activation: PlainActivation;
  /** Makes the layer that widens, and the one that comes back. */
  readonly up: readonly [name: string, make: (path: string) => RowMap];
  readonly down: readonly [name: string, make: (path: string) => RowMap];
  /** Name of the activation, which comes between them or after. */
  readonly act: string;
}

/** down(activation(up(x))). */
export class PlainMlp extends Mlp {
  private readonly up: Slot<RowMap>;
  private readonly down: Slot<RowMap>;

  constructor(
    path: string,
    private readonly options: PlainMlpOptions,
  ) {
    super(path);
    this.up = this.child<RowMap>(...options.up);
    this.down = this.child<RowMap>(...options.down);
    this.child(options.act, (path) => new Unweighted(path));
  }

  forward(x: Tensor): Tensor {
    return this.down.module.forward(bent(this.up.module.forward(x), this.options.activation));
  }
}
