/** What config.json says of BERT and of the models of its shape. */
import { z } from 'zod';
import type { TextClassifierConfig } from '#models/classifier.js';
import type { ConfigReader } from '#models/config-reader.js';
import {
  noteCommonOptions,
  readPlainActivation,
  readTokens,
  size,
  type TokenDefaults,
} from '#models/families/decoder-fields.js';
import type { FileNames } from '#models/families/family.js';
import { readLabels } from '#models/families/labels.js';
import type { PlainActivation } from '#nn/mlp.js';

export interface EncoderConfig extends TextClassifierConfig {
  readonly heads: number;
  readonly intermediateSize: number;
  readonly activation: PlainActivation;
  readonly normEps: number;
  readonly tokenTypes: number;
  /** Rows of the table of positions. */
  readonly positions: number;
}

/** What sets a family of this shape apart where the file is silent. */
export interface EncoderDefaults extends TokenDefaults {
  readonly vocabSize: number;
}

/** Reads {@link EncoderConfig}; fields that do not fit together are reported. */
export function readEncoderFields(reader: ConfigReader, defaults: EncoderDefaults): EncoderConfig {
  noteCommonOptions(reader);
  reader.expect('is_decoder', [false], 'its attention goes in both directions here');
  reader.expect('add_cross_attention', [false], 'a model by itself has nothing to attend to');
  reader.expect('position_embedding_type', ['absolute'], 'positions must be absolute');
  const file = reader.fields({
    vocab_size: size.default(defaults.vocabSize),
    hidden_size: size.default(768),
    num_hidden_layers: z.int().positive().max(10_000).default(12),
    num_attention_heads: size.default(12),
    intermediate_size: size.default(3072),
    max_position_embeddings: size.default(512),
    type_vocab_size: size.default(2),
    layer_norm_eps: z.number().positive().default(1e-12),
    tie_word_embeddings: z.boolean().default(true),
  });
  if (file.hidden_size % file.num_attention_heads !== 0) {
    reader.report(
      'hidden_size',
      `${file.hidden_size} is not a multiple of num_attention_heads ${file.num_attention_heads}`,
    );
  }
  return {
    architecture: reader.architecture,
    modelType: reader.modelType,
    hiddenSize: file.hidden_size,
    layers: file.num_hidden_layers,
    heads: file.num_attention_heads,
    intermediateSize: file.intermediate_size,
    vocabSize: file.vocab_size,
    maxPositionEmbeddings: file.max_position_embeddings,
    positions: file.max_position_embeddings,
    tokenTypes: file.type_vocab_size,
    activation: readPlainActivation(reader, 'hidden_act', 'gelu'),
    normEps: file.layer_norm_eps,
    tieWordEmbeddings: file.tie_word_embeddings,
    wrapper: null,
    ...readTokens(reader, defaults),
    ...readLabels(reader),
    warnings: reader.warnings,
  };
}

/** Names of the files of before PyTorch's norms, and tables that need not be stored. */
export const encoderFiles: FileNames = {
  namesOf: (name) => [
    name,
    name.replace(/LayerNorm\.weight$/, 'LayerNorm.gamma').replace(/LayerNorm\.bias$/, 'LayerNorm.beta'),
  ],
  ignored: /(^|\.)embeddings\.(position_ids|token_type_ids)$/,
};
