/** What a config.json says of every model, whatever its family; a family's own description adds to it. */
export interface ModelConfig {
  /** Its class in transformers, as `architectures` names it. */
  readonly architecture: string;
  /** The class that the file names, where that has another head or none; absent where it is the architecture. */
  readonly bodyOf?: string;
  /** The family's name in `model_type`. */
  readonly modelType: string;
  readonly hiddenSize: number;
  readonly layers: number;
  /** As the file has it; it matters where the last layer can read the weight of the first. */
  readonly tieWordEmbeddings: boolean;
  /** Name of the text model inside an image-text model; null for a model by itself. */
  readonly wrapper: string | null;
  /** What the file asks for and is not done, harmless all the same. */
  readonly warnings: readonly string[];
}

/** What it says of a model that reads tokens. */
export interface TextConfig extends ModelConfig {
  readonly vocabSize: number;
  /** The most tokens of a text. */
  readonly maxPositionEmbeddings: number;
  readonly bosTokenId: number | null;
  readonly eosTokenIds: readonly number[];
  readonly padTokenId: number | null;
}

/** What it says of a model that tells classes apart. */
export interface Labelled {
  /** Names of the classes, in the order of the logits. */
  readonly labels: readonly string[];
}

/** What it says of a model that reads images. */
export interface ImageConfig extends ModelConfig, Labelled {
  readonly channels: number;
  /** Height and width that images must have; null = any. */
  readonly imageSize: readonly [height: number, width: number] | null;
}
