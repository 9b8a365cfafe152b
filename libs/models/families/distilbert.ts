/** DistilBERT (Sanh et al. 2019) with a classification head: BERT's layers, without token types and pooler. */
import { z } from 'zod';
import { embedding } from '#jit/ops/linear.js';
import { add, relu, type Tensor } from '#jit/ops.js';
import { inScope, recomputable } from '#jit/tracing.js';
import { TextClassifier, type TextClassifierConfig, type TextInputs } from '#models/classifier.js';
import { encoderFiles } from '#models/families/bert/fields.js';
import { noteCommonOptions, readPlainActivation, readTokens, size } from '#models/families/decoder-fields.js';
import { defineFamily } from '#models/families/family.js';
import { readLabels } from '#models/families/labels.js';
import { Attention, type Projections } from '#nn/attention.js';
import { DecoderLayer } from '#nn/decoder-layers.js';
import { type AttentionShape, DecoderPass } from '#nn/decoder-pass.js';
import { Embedding, LayerNorm, Linear } from '#nn/layers.js';
import { type PlainActivation, PlainMlp } from '#nn/mlp.js';
import { Module, ModuleList, type RowMap, type Slot, Unweighted } from '#nn/module.js';

interface DistilBertConfig extends TextClassifierConfig {
  readonly heads: number;
  readonly intermediateSize: number;
  readonly activation: PlainActivation;
}

const normEps = 1e-12;

const square = (width: number) => (path: string) => new Linear(path, width, width, true);

class Embeddings extends Module {
  private readonly words: Slot<Embedding>;
  private readonly places: Slot<Embedding>;
  private readonly norm: Slot<LayerNorm>;

  constructor(path: string, { vocabSize, maxPositionEmbeddings, hiddenSize }: DistilBertConfig) {
    super(path);
    const table = (name: string, entries: number) =>
      this.child(name, (path) => new Embedding(path, entries, hiddenSize));
    this.words = table('word_embeddings', vocabSize);
    this.places = table('position_embeddings', maxPositionEmbeddings);
    this.norm = this.child('LayerNorm', (path) => new LayerNorm(path, hiddenSize, normEps));
    this.child('dropout', (path) => new Unweighted(path));
  }

  forward({ tokens, positions }: TextInputs): Tensor {
    const { words, places, norm } = this;
    return norm.module.forward(add(words.module.forward(tokens), places.module.forward(positions)));
  }
}

class SelfAttention extends Attention {
  private readonly queries: Slot<RowMap>;
  private readonly keys: Slot<RowMap>;
  private readonly values: Slot<RowMap>;
  private readonly out: Slot<RowMap>;

  constructor(path: string, layer: number, { hiddenSize, heads }: DistilBertConfig) {
    const shape = { layer, heads, kvHeads: heads, headDim: hiddenSize / heads, window: null };
    super(path, { ...shape, rotary: null, bidirectional: true });
    const linear = (name: string) => this.child<RowMap>(name, square(hiddenSize));
    this.queries = linear('q_lin');
    this.keys = linear('k_lin');
    this.values = linear('v_lin');
    this.out = linear('out_lin');
    this.child('dropout', (path) => new Unweighted(path));
  }

  protected override project(x: Tensor): Projections {
    const q = this.queries.module.forward(x);
    return { q, keysAndValues: { k: this.keys.module.forward(x), v: this.values.module.forward(x) } };
  }

  protected override output(x: Tensor): Tensor {
    return this.out.module.forward(x);
  }
}

class Layer extends DecoderLayer {
  private readonly attention: Slot<SelfAttention>;
  private readonly attentionNorm: Slot<LayerNorm>;
  private readonly ffn: Slot<PlainMlp>;
  private readonly outputNorm: Slot<LayerNorm>;

  constructor(path: string, layer: number, config: DistilBertConfig) {
    super(path);
    const { hiddenSize, intermediateSize, activation } = config;
    const norm = (path: string) => new LayerNorm(path, hiddenSize, normEps);
    this.attention = this.child('attention', (path) => new SelfAttention(path, layer, config));
    this.attentionNorm = this.child('sa_layer_norm', norm);
    this.ffn = this.child(
      'ffn',
      (path) =>
        new PlainMlp(path, {
          activation,
          up: ['lin1', (path) => new Linear(path, hiddenSize, intermediateSize, true)],
          down: ['lin2', (path) => new Linear(path, intermediateSize, hiddenSize, true)],
          act: 'activation',
        }),
    );
    this.outputNorm = this.child('output_layer_norm', norm);
  }

  forward(x: Tensor, pass: DecoderPass): Tensor {
    const attended = this.attentionNorm.module.forward(add(this.attention.module.forward(x, pass), x));
    return this.outputNorm.module.forward(add(this.ffn.module.forward(attended), attended));
  }
}

class Layers extends Module {
  readonly layer: Slot<ModuleList<Layer>>;

  constructor(path: string, config: DistilBertConfig) {
    super(path);
    const make = (path: string, index: number) => new Layer(path, index, config);
    this.layer = this.child('layer', (path) => new ModuleList(path, config.layers, make));
  }
}

class Body extends Module {
  private readonly embeddings: Slot<Embeddings>;
  private readonly transformer: Slot<Layers>;

  constructor(path: string, config: DistilBertConfig) {
    super(path);
    this.embeddings = this.child('embeddings', (path) => new Embeddings(path, config));
    this.transformer = this.child('transformer', (path) => new Layers(path, config));
  }

  /** The last hidden states [rows, hiddenSize]. */
  forward(inputs: TextInputs): Tensor {
    const pass = new DecoderPass(inputs);
    // The mask belongs to no layer: it is made before the first one.
    void pass.segmentMask;
    const { module: embeddings } = this.embeddings;
    let x = inScope(embeddings.path, () => embeddings.forward(inputs));
    for (const layer of this.transformer.module.layer.module.items) {
      x = inScope(layer.path, () => recomputable(() => layer.forward(x, pass)));
    }
    return x;
  }
}

class DistilBertClassifier extends TextClassifier {
  override readonly pools = 'first';
  override readonly tokenTypes = 1;
  private readonly body: Slot<Body>;
  private readonly preClassifier: Slot<RowMap>;
  private readonly classifier: Slot<RowMap>;

  constructor(config: DistilBertConfig) {
    super(config);
    const { hiddenSize, labels } = config;
    this.body = this.child('distilbert', (path) => new Body(path, config));
    this.preClassifier = this.child<RowMap>('pre_classifier', square(hiddenSize));
    this.classifier = this.child<RowMap>(
      'classifier',
      (path) => new Linear(path, hiddenSize, labels.length, true),
    );
    this.child('dropout', (path) => new Unweighted(path));
  }

  override get attentions(): readonly AttentionShape[] {
    const modules = [...this.body.module.modules()];
    return modules.flatMap((module) => (module instanceof Attention ? [module.options] : []));
  }

  override get headLayers(): readonly Module[] {
    return [this.preClassifier.module, this.classifier.module];
  }

  override classify(inputs: TextInputs): Tensor {
    const pooled = embedding(this.body.module.forward(inputs), inputs.pooledRows);
    return this.classifier.module.forward(relu(this.preClassifier.module.forward(pooled)));
  }
}

export const distilbert = defineFamily<DistilBertConfig>({
  name: 'DistilBERT',
  architecture: 'DistilBertForSequenceClassification',
  modelType: 'distilbert',
  head: 'classify',
  defaultTargets: ['q_lin', 'v_lin'],
  files: encoderFiles,
  bodies: {
    architectures: ['DistilBertModel', 'DistilBertForMaskedLM'],
    prefix: 'distilbert.',
    otherHeads: /^vocab_(transform|layer_norm|projector)\./,
  },
  parse: (reader) => {
    noteCommonOptions(reader);
    const file = reader.fields({
      vocab_size: size.default(30_522),
      dim: size.default(768),
      n_layers: z.int().positive().max(10_000).default(6),
      n_heads: size.default(12),
      hidden_dim: size.default(3072),
      max_position_embeddings: size.default(512),
      tie_word_embeddings: z.boolean().default(true),
    });
    if (file.dim % file.n_heads !== 0) {
      reader.report('dim', `${file.dim} is not a multiple of n_heads ${file.n_heads}`);
    }
    return {
      architecture: reader.architecture,
      modelType: reader.modelType,
      hiddenSize: file.dim,
      layers: file.n_layers,
      heads: file.n_heads,
      intermediateSize: file.hidden_dim,
      vocabSize: file.vocab_size,
      maxPositionEmbeddings: file.max_position_embeddings,
      activation: readPlainActivation(reader, 'activation', 'gelu'),
      tieWordEmbeddings: file.tie_word_embeddings,
      wrapper: null,
      ...readTokens(reader, { bosTokenId: null, eosTokenId: null, padTokenId: 0 }),
      ...readLabels(reader),
      warnings: reader.warnings,
    };
  },
  build: (config) => new DistilBertClassifier(config),
});
