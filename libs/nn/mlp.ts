/** The feed-forward layers of decoders. */
import { swiGlu } from '#jit/ops/swiglu.js';
import type { Tensor } from '#jit/ops.js';
import { Linear } from '#nn/layers.js';
import { Module, type RowMap, type Slot, Unweighted } from '#nn/module.js';

export abstract class Mlp extends Module {
  /** Rows [rows, hiddenSize] to the same. */
  abstract forward(x: Tensor): Tensor;
}

export interface MlpOptions {
  readonly hiddenSize: number;
  readonly intermediateSize: number;
  readonly bias?: boolean;
}

/** down(silu(gate(x)) * up(x)). */
export class GatedMlp extends Mlp {
  private readonly gate: Slot<RowMap>;
  private readonly up: Slot<RowMap>;
  private readonly down: Slot<RowMap>;

  constructor(path: string, { hiddenSize, intermediateSize, bias = false }: MlpOptions) {
    super(path);
    const layer = (name: string, inputs: number, outputs: number) =>
      this.child<RowMap>(name, (path) => new Linear(path, inputs, outputs, bias));
    this.gate = layer('gate_proj', hiddenSize, intermediateSize);
    this.up = layer('up_proj', hiddenSize, intermediateSize);
    this.down = layer('down_proj', intermediateSize, hiddenSize);
    this.child('act_fn', (path) => new Unweighted(path));
  }

  forward(x: Tensor): Tensor {
    return this.down.module.forward(swiGlu(this.gate.module.forward(x), this.up.module.forward(x)));
  }
}
