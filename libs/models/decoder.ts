/** A causal language model as a tree of layers: the body that its family builds, and the head that makes logits. */
import type { LogitsHead } from '#jit/ops/loss-head.js';
import { mul, scalar, type Tensor } from '#jit/ops.js';
import type { ModelConfig } from '#models/model-config.js';
import type { DecoderBody } from '#nn/decoder-body.js';
import type { AttentionShape, DecoderInputs } from '#nn/decoder-pass.js';
import { type Embedding, Linear } from '#nn/layers.js';
import { Module, type Slot } from '#nn/module.js';

/** What a family makes a model of. */
export interface DecoderParts {
  /** Its name, `model` unless said otherwise. */
  readonly bodyName?: string;
  readonly body: (path: string) => DecoderBody;
  readonly head?: HeadOptions;
  /** Names of layers, as in `target_modules`, that an adapter changes where nothing else is said. */
  readonly defaultTargets: readonly string[];
  readonly files?: FileNames;
}

/** How the files of a family name what they hold, where that differs from the tree. */
export interface FileNames {
  /** Names that a parameter may have in files, the likeliest first. */
  readonly namesOf?: (name: string) => readonly string[];
  /** Names of tensors that belong to no layer of the tree and that nothing is lost without. */
  readonly ignored?: RegExp;
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

export class Decoder extends Module {
  readonly defaultTargets: readonly string[];
  readonly files: FileNames;
  private readonly body: Slot<DecoderBody>;
  private readonly head: Slot<Linear>;
  private readonly headOptions: HeadOptions;

  constructor(
    readonly config: ModelConfig,
    { bodyName = 'model', body, head = {}, defaultTargets, files = {} }: DecoderParts,
  ) {
    super('');
    const { hiddenSize, vocabSize, tieWordEmbeddings } = config;
    const { name = 'lm_head', bias = false } = head;
    this.defaultTargets = defaultTargets;
    this.files = files;
    this.headOptions = head;
    this.body = this.child(bodyName, body);
    const tied = tieWordEmbeddings ? this.inputEmbedding.weight : undefined;
    this.head = this.child(name, (path) => new Linear(path, hiddenSize, vocabSize, bias, tied));
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

  /** Names that a parameter may have in the model's files, the likeliest first. */
  fileNames(name: string): readonly string[] {
    return this.files.namesOf?.(name) ?? [name];
  }

  /** What {@link logitsHead} makes logits of: the normalised last hidden states [rows, hiddenSize]. */
  forward(inputs: DecoderInputs): Tensor {
    const { scale = 1 } = this.headOptions;
    const hidden = this.body.module.forward(inputs);
    return scale === 1 ? hidden : mul(hidden, scalar(scale));
  }

  /** What turns hidden states into logits. */
  get logitsHead(): LogitsHead {
    const { weight, bias } = this.outputEmbedding;
    const { softcap } = this.headOptions;
    return {
      weight: weight.tensor,
      ...(bias ? { bias: bias.tensor } : {}),
      ...(softcap ? { softcap } : {}),
    };
  }
}
