/** BERT (Devlin et al. 2018) with a classification head. */
import { embedding } from '#jit/ops/linear.js';
import { tanh, type Tensor } from '#jit/ops.js';
import { TextClassifier, type TextInputs } from '#models/classifier.js';
import { EncoderBody } from '#models/families/bert/body.js';
import { type EncoderConfig, encoderFiles, readEncoderFields } from '#models/families/bert/fields.js';
import { defineFamily } from '#models/families/family.js';
import type { AttentionShape } from '#nn/decoder-pass.js';
import { Linear } from '#nn/layers.js';
import { Module, type RowMap, type Slot, Unweighted } from '#nn/module.js';

/** tanh(dense(x)) of the first token. */
class Pooler extends Module {
  private readonly dense: Slot<RowMap>;

  constructor(path: string, hiddenSize: number) {
    super(path);
    this.dense = this.child<RowMap>('dense', (path) => new Linear(path, hiddenSize, hiddenSize, true));
    this.child('activation', (path) => new Unweighted(path));
  }

  forward(x: Tensor): Tensor {
    return tanh(this.dense.module.forward(x));
  }
}

class PooledBody extends EncoderBody {
  private readonly pooler: Slot<Pooler>;

  constructor(path: string, config: EncoderConfig) {
    super(path, { ...config, firstPosition: 0 });
    this.pooler = this.child('pooler', (path) => new Pooler(path, config.hiddenSize));
  }

  /** What stands for each text, [texts, hiddenSize]. */
  pooled(inputs: TextInputs): Tensor {
    return this.pooler.module.forward(embedding(this.forward(inputs), inputs.pooledRows));
  }
}

class BertClassifier extends TextClassifier {
  override readonly pools = 'first';
  override readonly tokenTypes: number;
  private readonly bert: Slot<PooledBody>;
  private readonly classifier: Slot<RowMap>;

  constructor(config: EncoderConfig) {
    super(config);
    this.tokenTypes = config.tokenTypes;
    this.bert = this.child('bert', (path) => new PooledBody(path, config));
    this.child('dropout', (path) => new Unweighted(path));
    this.classifier = this.child<RowMap>(
      'classifier',
      (path) => new Linear(path, config.hiddenSize, config.labels.length, true),
    );
  }

  override get attentions(): readonly AttentionShape[] {
    return this.bert.module.attentions.map(({ options }) => options);
  }

  override get headLayers(): readonly Module[] {
    return [this.classifier.module];
  }

  override classify(inputs: TextInputs): Tensor {
    return this.classifier.module.forward(this.bert.module.pooled(inputs));
  }
}

export const bert = defineFamily<EncoderConfig>({
  name: 'BERT',
  architecture: 'BertForSequenceClassification',
  modelType: 'bert',
  head: 'classify',
  defaultTargets: ['query', 'value'],
  files: encoderFiles,
  bodies: {
    architectures: ['BertModel', 'BertForMaskedLM', 'BertForPreTraining'],
    prefix: 'bert.',
    lacks: /^bert\.pooler\./,
    otherHeads: /^cls\./,
  },
  parse: (reader) =>
    readEncoderFields(reader, { vocabSize: 30_522, bosTokenId: null, eosTokenId: null, padTokenId: 0 }),
  build: (config) => new BertClassifier(config),
});
