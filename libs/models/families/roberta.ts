/** RoBERTa (Liu et al. 2019): BERT whose positions begin behind the padding's, with a deeper head and no pooler. */
import { gather, tanh, type Tensor } from '#jit/ops.js';
import { TextClassifier, type TextInputs } from '#models/classifier.js';
import { EncoderBody } from '#models/families/bert/body.js';
import { type EncoderConfig, encoderFiles, readEncoderFields } from '#models/families/bert/fields.js';
import { defineFamily } from '#models/families/family.js';
import type { AttentionShape } from '#nn/decoder-pass.js';
import { Linear } from '#nn/layers.js';
import { Module, type RowMap, type Slot, Unweighted } from '#nn/module.js';

interface RobertaConfig extends EncoderConfig {
  /** Row of the table of positions for the first token. */
  readonly firstPosition: number;
}

/** out_proj(tanh(dense(x))). */
class Head extends Module {
  private readonly dense: Slot<RowMap>;
  private readonly out: Slot<RowMap>;

  constructor(path: string, hiddenSize: number, classes: number) {
    super(path);
    this.dense = this.child<RowMap>('dense', (path) => new Linear(path, hiddenSize, hiddenSize, true));
    this.child('dropout', (path) => new Unweighted(path));
    this.out = this.child<RowMap>('out_proj', (path) => new Linear(path, hiddenSize, classes, true));
  }

  get layers(): readonly Module[] {
    return [this.dense.module, this.out.module];
  }

  forward(x: Tensor): Tensor {
    return this.out.module.forward(tanh(this.dense.module.forward(x)));
  }
}

class RobertaClassifier extends TextClassifier {
  override readonly pools = 'first';
  override readonly tokenTypes: number;
  private readonly roberta: Slot<EncoderBody>;
  private readonly classifier: Slot<Head>;

  constructor(config: RobertaConfig) {
    super(config);
    // The type is always 0: the model was not taught with pairs of types, and its tokenizer makes none.
    this.tokenTypes = 1;
    this.roberta = this.child('roberta', (path) => new EncoderBody(path, config));
    this.classifier = this.child(
      'classifier',
      (path) => new Head(path, config.hiddenSize, config.labels.length),
    );
  }

  override get attentions(): readonly AttentionShape[] {
    return this.roberta.module.attentions.map(({ options }) => options);
  }

  override get headLayers(): readonly Module[] {
    return this.classifier.module.layers;
  }

  override classify(inputs: TextInputs): Tensor {
    const hidden = this.roberta.module.forward(inputs);
    return this.classifier.module.forward(gather(hidden, inputs.pooledRows));
  }
}

export const roberta = defineFamily<RobertaConfig>({
  name: 'RoBERTa',
  architecture: 'RobertaForSequenceClassification',
  modelType: 'roberta',
  head: 'classify',
  defaultTargets: ['query', 'value'],
  files: {
    ...encoderFiles,
    ignored: /(^|\.)(embeddings\.(position_ids|token_type_ids)|pooler\.dense\.(weight|bias))$/,
  },
  bodies: {
    architectures: ['RobertaModel', 'RobertaForMaskedLM'],
    prefix: 'roberta.',
    otherHeads: /^lm_head\./,
  },
  parse: (reader) => {
    const tokens = { bosTokenId: 0, eosTokenId: 2, padTokenId: 1 };
    const fields = readEncoderFields(reader, { vocabSize: 50_265, ...tokens });
    if (fields.padTokenId === null || fields.padTokenId < 0) {
      reader.report('pad_token_id', 'must be a token: positions are counted from it');
    }
    const firstPosition = (fields.padTokenId ?? 0) + 1;
    const maxPositionEmbeddings = fields.positions - firstPosition;
    if (maxPositionEmbeddings < 1) {
      reader.report('max_position_embeddings', `leaves no position behind pad_token_id ${fields.padTokenId}`);
    }
    return { ...fields, maxPositionEmbeddings, firstPosition };
  },
  build: (config) => new RobertaClassifier(config),
});
