/** The layer of Gemma 4. */
import { gelu } from '#jit/ops/gelu.js';
import { add, mul, type Tensor } from '#jit/ops.js';
import { type LayerParts, SandwichLayer } from '#nn/decoder-layers.js';
import type { DecoderPass } from '#nn/decoder-pass.js';
import { Linear, type Norm } from '#nn/layers.js';
import { type Parameter, type RowMap, type Slot, Unweighted } from '#nn/module.js';

export interface Gemma4LayerOptions extends LayerParts {
  readonly hiddenSize: number;
  /** Size of the embedding for each layer, 0 for none. */
  readonly perLayerSize: number;
}

/** A layer of Gemma 2, then what the layer's own embedding of the token adds; in the end all is scaled. */
export class Gemma4Layer extends SandwichLayer {
  private readonly scale: Parameter;
  private readonly perLayer:
    Readonly<{ gate: Slot<RowMap>; projection: Slot<RowMap>; norm: Slot<Norm> }> | undefined;

  constructor(path: string, options: Gemma4LayerOptions) {
    super(path, options);
    const { hiddenSize, perLayerSize, norm } = options;
    this.scale = this.parameter('layer_scalar', [1]);
    if (perLayerSize === 0) return;
    this.child('act_fn', (path) => new Unweighted(path));
    const linear = (name: string, inputs: number, outputs: number) =>
      this.child<RowMap>(name, (path) => new Linear(path, inputs, outputs, false));
    this.perLayer = {
      gate: linear('per_layer_input_gate', hiddenSize, perLayerSize),
      projection: linear('per_layer_projection', perLayerSize, hiddenSize),
      norm: this.child('post_per_layer_input_norm', norm),
    };
  }

  /** `own` is the layer's embedding of the tokens, [rows, perLayerSize]. */
  override forward(x: Tensor, pass: DecoderPass, own?: Tensor): Tensor {
    let y = super.forward(x, pass);
    if (this.perLayer && own) {
      const { gate, projection, norm } = this.perLayer;
      const gated = mul(gelu(gate.module.forward(y), 'tanh'), own);
      y = add(y, norm.module.forward(projection.module.forward(gated)));
    }
    return mul(y, this.scale.tensor);
  }
}
