/** Models that tell classes apart. */
import { embedding } from '#jit/ops/linear.js';
import type { ImageSize } from '#images/preprocessor.js';
import type { Tensor } from '#jit/ops.js';
import type { Decoder } from '#models/decoder.js';
import type { ImageConfig, Labelled, TextConfig } from '#models/model-config.js';
import { Model, TextModel } from '#models/model.js';
import type { DecoderBody } from '#nn/decoder-body.js';
import type { AttentionShape, DecoderInputs } from '#nn/decoder-pass.js';
import { Linear } from '#nn/layers.js';
import type { Module, RowMap, Slot } from '#nn/module.js';

const headName = 'the classification head';

/** What config.json says of a model that classifies texts. */
export interface TextClassifierConfig extends TextConfig, Labelled {}

/** A batch of B blocks of L tokens that hold texts, flattened to rows = B * L. */
export interface TextInputs extends DecoderInputs {
  /** int32 [rows]: 1 in the second text of a pair where the model was taught so, else 0. */
  readonly tokenTypes: Tensor;
  /** int32 [texts]: the row of the token that stands for each text. */
  readonly pooledRows: Tensor;
}

export abstract class TextClassifier extends TextModel {
  override readonly head = 'classify';
  override readonly headName = headName;

  constructor(override readonly config: TextClassifierConfig) {
    super(config);
  }

  /** Which token of a text stands for all of it. */
  abstract readonly pools: 'first' | 'last';

  /** How many token types there are. */
  abstract readonly tokenTypes: number;

  /** Logits [texts, classes]. */
  abstract classify(inputs: TextInputs): Tensor;
}

/** The place of the last token of a text that is no padding; 0 where all of it is. */
export function lastToken(ids: ArrayLike<number>, padTokenId: number | null): number {
  for (let at = ids.length - 1; at > 0; at--) if (ids[at] !== padTokenId) return at;
  return 0;
}

/** A decoder with a `score` layer in the place of its head; a text's last token stands for it. */
export class DecoderClassifier extends TextClassifier {
  override readonly pools = 'last';
  override readonly tokenTypes = 1;
  private readonly body: DecoderBody;
  private readonly score: Slot<RowMap>;

  constructor(config: TextClassifierConfig, decoder: Decoder) {
    super(config);
    const { bodyName = 'model', body } = decoder.parts;
    this.body = this.child(bodyName, body).module;
    this.score = this.child<RowMap>(
      'score',
      (path) => new Linear(path, config.hiddenSize, config.labels.length, false),
    );
  }

  override get attentions(): readonly AttentionShape[] {
    return this.body.attentions.map(({ options }) => options);
  }

  override get headLayers(): readonly Module[] {
    return [this.score.module];
  }

  override classify(inputs: TextInputs): Tensor {
    return this.score.module.forward(embedding(this.body.forward(inputs), inputs.pooledRows));
  }
}

export abstract class ImageClassifier extends Model {
  override readonly head = 'classify';
  override readonly inputs = 'images';
  override readonly headName = headName;

  constructor(override readonly config: ImageConfig) {
    super(config);
  }

  /** Places that the layers compute for an image of a size, as they compute one for each token of a text. */
  abstract positionsOf(size: ImageSize): number;

  /** From pixels [N, channels, height, width] to logits [N, classes]. */
  abstract classify(pixels: Tensor): Tensor;
}
