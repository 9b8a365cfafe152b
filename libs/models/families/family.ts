/** What one family of models is: everything that the rest of the program does not know of it. */
import type { ProcessorName } from '#images/processor-kinds.js';
import type { ConfigReader } from '#models/config-reader.js';
import type { GgufModel } from '#models/gguf/gguf-model.js';
import type { ModelConfig } from '#models/model-config.js';
import type { HeadKind, InputKind, Model } from '#models/model.js';

/** A family whose description of a model is a C. */
export interface FamilyDefinition<C extends ModelConfig> {
  /** What people call it. */
  readonly name: string;
  /** Its class in transformers, as `architectures` of config.json names it. */
  readonly architecture: string;
  /** As `model_type` of config.json names it. */
  readonly modelType: string;
  /** What it makes: logits of the next token unless said otherwise. */
  readonly head?: HeadKind;
  /** What it reads: tokens unless said otherwise. */
  readonly inputs?: InputKind;
  /** The class of transformers that puts a classification head on the same body, if there is one. */
  readonly sequenceClassifier?: string;
  /**
   * What an adapter changes where `target_modules` is null: PEFT's choice for the architecture, and for one that PEFT does
   * not know the layers of queries and values.
   */
  readonly defaultTargets: string | readonly string[];
  readonly files?: FileNames;
  /** The image processor that transformers takes for it, of a family that reads images. */
  readonly imageProcessor?: ProcessorName;
  /** The classes of transformers with the same body and another head, or none; the head of the family can be trained on them. */
  readonly bodies?: Bodies;
  /**
   * Reads config.json with the defaults of the configuration class of transformers. Problems are reported to the reader;
   * what is not done is refused by it.
   */
  readonly parse: (reader: ConfigReader) => C;
  /** The tree of layers, its paths the names in the model's files. */
  readonly build: (config: C) => Model;
  /** What llama.cpp calls a model and its weights; left out where it has no such models, or they are not done. */
  readonly gguf?: (config: C) => GgufModel | undefined;
}

/** How the files of a family name what they hold, where that differs from the tree. */
export interface FileNames {
  /** Names that a parameter may have in files, the likeliest first. */
  readonly namesOf?: (name: string) => readonly string[];
  /** Tensors that nothing is lost without. */
  readonly ignored?: RegExp;
  /** Tensors of parts that are left alone, and that belong to the model all the same. */
  readonly otherParts?: RegExp;
}

/** How files hold the body of a family without its head. */
export interface Bodies {
  readonly architectures: readonly string[];
  /** What their files may leave out in front of the names of the body. */
  readonly prefix: string;
  /** Parameters beside the head that their files may lack. */
  readonly lacks?: RegExp;
  /** Tensors of heads of their own. */
  readonly otherHeads?: RegExp;
}

/** A family as others see it: they hand its description of a model back to it and know no more of it. */
export interface Family extends FamilyDefinition<ModelConfig> {
  readonly head: HeadKind;
  readonly inputs: InputKind;
}

/** A family of the registry; a description that it reads is the only one that it is ever asked to build. */
export function defineFamily<C extends ModelConfig>(family: FamilyDefinition<C>): Family {
  const { build, gguf, ...rest } = family;
  return {
    head: 'causal',
    inputs: 'tokens',
    ...rest,
    build: (config) => build(config as C),
    ...(gguf ? { gguf: (config) => gguf(config as C) } : {}),
  };
}
