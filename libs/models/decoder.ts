/** A causal language model as a tree of layers: the body that its family builds, and the head that makes logits. */
import type { LogitsHead } from '#jit/ops/loss-head.js';
import { mul, scalar, type Tensor } from '#jit/ops.js';
import type { TextConfig } from '#models/model-config.js';
import { TextModel, type TiedWeight } from '#models/model.js';
import type { DecoderBody } from '#nn/decoder-body.js';
import type { AttentionShape, DecoderInputs } from '#nn/decoder-pass.js';
import { Linear, type TokenTable } from '#nn/layers.js';
import { Module, type Slot } from '#nn/module.js';

/** What a family makes a model of. */
export interface DecoderParts {
  /** Its name, `model` unless said otherwise. */
  readonly bodyName?: string;
  readonly body: (path: string) => DecoderBody;
  readonly head?: HeadOptions;
}

export interface HeadOptions {
  /** `lm_head` unless said otherwise. */
  readonly name?: string;
  readonly bias?: boolean;
  /** What logits are multiplied by; 1 unless said otherwise. */
  readonly scale?: number;
  /** Logits are softly kept between -softcap and softcap; null = as they are. */
  readonly softcap?: number | null;
}

/** An image-text model around the body of its text model; the rest of it is left alone. */
class Wrapper extends Module {
  readonly body: DecoderBody;

  constructor(path: string, name: string, body: (path: string) => DecoderBody) {
    super(path);
    this.body = this.child(name, body).module;
  }
}

/** What one layer carries. */
export interface CarriedState {
  readonly path: string;
  readonly shape: readonly number[];
}

export class Decoder extends TextModel {
  override readonly head = 'causal';
  override readonly headName = 'the output embedding';
  private readonly body: DecoderBody;
  private readonly lmHead: Slot<Linear>;

  constructor(
    config: TextConfig,
    /** What it was made of. */
    readonly parts: DecoderParts,
  ) {
    super(config);
    const { bodyName = 'model', body, head = {} } = parts;
    const { hiddenSize, vocabSize, tieWordEmbeddings, wrapper } = config;
    const { name = 'lm_head', bias = false } = head;
    this.body =
      wrapper === null
        ? this.child(bodyName, body).module
        : this.child(bodyName, (path) => new Wrapper(path, wrapper, body)).module.body;
    const tied = tieWordEmbeddings ? this.inputEmbedding.weight : undefined;
    this.lmHead = this.child(name, (path) => new Linear(path, hiddenSize, vocabSize, bias, tied));
  }

  get inputEmbedding(): TokenTable {
    return this.body.embedding;
  }

  /** What makes logits of hidden states; it may share the weight of the input embedding. */
  get outputEmbedding(): Linear {
    return this.lmHead.module;
  }

  override get headLayers(): readonly Module[] {
    return [this.outputEmbedding];
  }

  override get tiedWeight(): TiedWeight | undefined {
    if (!this.config.tieWordEmbeddings) return undefined;
    return { parameter: this.inputEmbedding.weight, otherName: `${this.outputEmbedding.path}.weight` };
  }

  override get attentions(): readonly AttentionShape[] {
    return this.body.attentions.map(({ options }) => options);
  }

  /** What layers carry from token to token beside keys and values, and its shape. */
  get states(): readonly CarriedState[] {
    return this.body.states.map(({ path, stateShape }) => ({ path, shape: stateShape }));
  }

  /** Those attentions whose keys and values are their own, which is what is kept while tokens are generated. */
  get cachedLayers(): readonly AttentionShape[] {
    return this.attentions.filter(({ layer, keysFrom = layer }) => keysFrom === layer);
  }

  /** What {@link logitsHead} makes logits of: the normalised last hidden states [rows, hiddenSize]. */
  forward(inputs: DecoderInputs): Tensor {
    const { scale = 1 } = this.parts.head ?? {};
    const hidden = this.body.forward(inputs);
    return scale === 1 ? hidden : mul(hidden, scalar(scale));
  }

  /** What turns hidden states into logits. */
  get logitsHead(): LogitsHead {
    const { weight, bias } = this.outputEmbedding;
    const { softcap } = this.parts.head ?? {};
    return {
      weight: weight.tensor,
      ...(bias ? { bias: bias.tensor } : {}),
      ...(softcap ? { softcap } : {}),
      ...(weight.isReplaced || bias?.isReplaced ? { isTrained: true } : {}),
    };
  }
}
