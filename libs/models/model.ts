/** A model as a tree of layers, whatever goes in and whatever comes out. */
import type { ModelConfig, TextConfig } from '#models/model-config.js';
import type { AttentionShape } from '#nn/decoder-pass.js';
import { Module, type Parameter } from '#nn/module.js';

/** What a model makes: logits of the next token after each one, or logits of the classes of a whole input. */
export type HeadKind = 'causal' | 'classify';

/** What a model reads. */
export type InputKind = 'tokens' | 'images';

/** A weight that two places of a model share. */
export interface TiedWeight {
  /** The parameter that both read. */
  readonly parameter: Parameter;
  /** The name of its own that the other place would have in files. */
  readonly otherName: string;
}

export abstract class Model extends Module {
  abstract readonly head: HeadKind;
  abstract readonly inputs: InputKind;

  constructor(readonly config: ModelConfig) {
    super('');
  }

  /** The layers after the last hidden states, which adapters leave alone unless they name them. */
  abstract get headLayers(): readonly Module[];

  /** What messages call them. */
  abstract readonly headName: string;

  /** The weight that the last layer shares with the first one, if it does. */
  get tiedWeight(): TiedWeight | undefined {
    return undefined;
  }
}

/** A model that reads tokens. */
export abstract class TextModel extends Model {
  override readonly inputs = 'tokens';

  constructor(override readonly config: TextConfig) {
    super(config);
  }

  /** The attention of every layer that has one, in their order. */
  abstract get attentions(): readonly AttentionShape[];
}
