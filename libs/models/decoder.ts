/** A causal language model as a tree of layers: the body that its family builds, and the head that makes logits. */
import type { Tensor } from '#jit/ops.js';
import type { ModelConfig } from '#models/model-config.js';
import type { DecoderBody } from '#nn/decoder-body.js';
import type { AttentionShape, DecoderInputs } from '#nn/decoder-pass.js';
import { type Embedding, Linear } from '#nn/layers.js';
import { Module, type Slot } from '#nn/module.js';

/** What a family makes a model of. */
export interface DecoderParts {
  readonly body: (path: string) => DecoderBody;
  /** Names of layers, as in `target_modules`, that an adapter changes where nothing else is said. */
  readonly defaultTargets: readonly string[];
}

export class Decoder extends Module {
  readonly defaultTargets: readonly string[];
  private readonly body: Slot<DecoderBody>;
  private readonly head: Slot<Linear>;

  constructor(
    readonly config: ModelConfig,
    { body, defaultTargets }: DecoderParts,
  ) {
    super('');
    const { hiddenSize, vocabSize, tieWordEmbeddings } = config;
    this.defaultTargets = defaultTargets;
    this.body = this.child('model', body);
    const tied = tieWordEmbeddings ? this.inputEmbedding.weight : undefined;
    this.head = this.child('lm_head', (path) => new Linear(path, hiddenSize, vocabSize, false, tied));
  }

  get inputEmbedding(): Embedding {
    return this.body.module.embedding;
  }

  /** What makes logits of hidden states; it may share the weight of the input embedding. */
  get outputEmbedding(): Linear {
    return this.head.module;
  }

  /** The attention of every layer that has one, in their order. */
  get attentions(): readonly AttentionShape[] {
    return this.body.module.attentions.map(({ options }) => options);
  }

  /** The normalised last hidden states [rows, hiddenSize]. */
  forward(inputs: DecoderInputs): Tensor {
    return this.body.module.forward(inputs);
  }

  /** The weight [vocabulary, hiddenSize] that turns hidden states into logits. */
  get headWeight(): Tensor {
    return this.outputEmbedding.weight.tensor;
  }
}
