/** The body of Gemma 4, whose every layer has an embedding of its own for each token. */
import { add, mul, reshape, scalar, split, type Tensor } from '#jit/ops.js';
import { type BodyOptions, DecoderBody } from '#nn/decoder-body.js';
import type { DecoderInputs } from '#nn/decoder-pass.js';
import { Embedding, Linear, type Norm, type TokenTable } from '#nn/layers.js';
import type { RowMap, Slot } from '#nn/module.js';

export interface PerLayerOptions extends BodyOptions {
  /** Size of the embedding for each layer, 0 for none. */
  readonly perLayerSize: number;
  readonly perLayerVocabSize: number;
  readonly perLayerNorm: (path: string) => Norm;
}

export class PerLayerBody extends DecoderBody {
  private readonly perLayer:
    Readonly<{ tokens: Slot<TokenTable>; projection: Slot<RowMap>; norm: Slot<Norm> }> | undefined;

  constructor(
    path: string,
    private readonly settings: PerLayerOptions,
  ) {
    super(path, settings);
    const { layers, hiddenSize, perLayerSize, perLayerVocabSize, perLayerNorm } = settings;
    if (perLayerSize === 0) return;
    this.perLayer = {
      tokens: this.child<TokenTable>(
        'embed_tokens_per_layer',
        (path) => new Embedding(path, perLayerVocabSize, layers * perLayerSize),
      ),
      projection: this.child<RowMap>(
        'per_layer_model_projection',
        (path) => new Linear(path, hiddenSize, layers * perLayerSize, false),
      ),
      norm: this.child('per_layer_projection_norm', perLayerNorm),
    };
  }

  /** The mean, but for a factor of sqrt(2), of the tokens' own embeddings and a projection of what goes in. */
  protected override layerInputs({ tokens }: DecoderInputs, x: Tensor): Tensor[] {
    if (!this.perLayer) return [];
    const { layers, hiddenSize, perLayerSize: size } = this.settings;
    const { tokens: table, projection, norm } = this.perLayer;
    const own = mul(table.module.forward(tokens), scalar(Math.sqrt(size)));
    const projected = mul(projection.module.forward(x), scalar(1 / Math.sqrt(hiddenSize)));
    const normal = reshape(norm.module.forward(reshape(projected, [-1, size])), own.shape);
    return split(mul(add(normal, own), scalar(Math.SQRT1_2)), layers, 1);
  }
}
