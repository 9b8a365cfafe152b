/** What a config.json says of every model, whatever its family; a family's own description adds to it. */
export interface ModelConfig {
  /** Its class in transformers, as `architectures` names it. */
  readonly architecture: string;
  /** The family's name in `model_type`. */
  readonly modelType: string;
  readonly hiddenSize: number;
  readonly layers: number;
  readonly vocabSize: number;
  readonly maxPositionEmbeddings: number;
  readonly tieWordEmbeddings: boolean;
  /** Name of the text model inside an image-text model; null for a text model by itself. */
  readonly wrapper: string | null;
  readonly bosTokenId: number | null;
  readonly eosTokenIds: readonly number[];
  readonly padTokenId: number | null;
  /** What the file asks for and is not done, harmless all the same. */
  readonly warnings: readonly string[];
}
