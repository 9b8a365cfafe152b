/** BERT without its head: embeddings of tokens, positions and token types, and the layers. */
import { add, scalar, type Tensor } from '#jit/ops.js';
import { inScope, recomputable } from '#jit/tracing.js';
import type { TextInputs } from '#models/classifier.js';
import { EncoderLayer, type EncoderLayerOptions } from '#models/families/bert/layer.js';
import { Attention } from '#nn/attention.js';
import { DecoderPass } from '#nn/decoder-pass.js';
import { Embedding, LayerNorm } from '#nn/layers.js';
import { Module, ModuleList, type Slot, Unweighted } from '#nn/module.js';

export interface EncoderOptions extends EncoderLayerOptions {
  readonly vocabSize: number;
  readonly layers: number;
  readonly tokenTypes: number;
  /** Rows of the table of positions. */
  readonly positions: number;
  /** The row of that table for the first token. */
  readonly firstPosition: number;
}

class Embeddings extends Module {
  private readonly words: Slot<Embedding>;
  private readonly places: Slot<Embedding>;
  private readonly types: Slot<Embedding>;
  private readonly norm: Slot<LayerNorm>;

  constructor(
    path: string,
    private readonly options: EncoderOptions,
  ) {
    super(path);
    const { hiddenSize, vocabSize, positions, tokenTypes, normEps } = options;
    const table = (name: string, entries: number) =>
      this.child(name, (path) => new Embedding(path, entries, hiddenSize));
    this.words = table('word_embeddings', vocabSize);
    this.places = table('position_embeddings', positions);
    this.types = table('token_type_embeddings', tokenTypes);
    this.norm = this.child('LayerNorm', (path) => new LayerNorm(path, hiddenSize, normEps));
    this.child('dropout', (path) => new Unweighted(path));
  }

  forward({ tokens, positions, tokenTypes }: TextInputs): Tensor {
    const { firstPosition } = this.options;
    const places = firstPosition === 0 ? positions : add(positions, scalar(firstPosition, 'int32'));
    const typed = add(this.words.module.forward(tokens), this.types.module.forward(tokenTypes));
    return this.norm.module.forward(add(typed, this.places.module.forward(places)));
  }
}

class Layers extends Module {
  readonly layer: Slot<ModuleList<EncoderLayer>>;

  constructor(path: string, options: EncoderOptions) {
    super(path);
    this.layer = this.child(
      'layer',
      (path) => new ModuleList(path, options.layers, (path, index) => new EncoderLayer(path, index, options)),
    );
  }
}

export class EncoderBody extends Module {
  private readonly embeddings: Slot<Embeddings>;
  private readonly encoder: Slot<Layers>;

  constructor(path: string, options: EncoderOptions) {
    super(path);
    this.embeddings = this.child('embeddings', (path) => new Embeddings(path, options));
    this.encoder = this.child('encoder', (path) => new Layers(path, options));
  }

  /** The attention of every layer. */
  get attentions(): readonly Attention[] {
    return [...this.modules()].filter((module) => module instanceof Attention);
  }

  /** The last hidden states [rows, hiddenSize]. */
  forward(inputs: TextInputs): Tensor {
    const pass = new DecoderPass(inputs);
    // The mask belongs to no layer: it is made before the first one.
    void pass.segmentMask;
    const { module: embeddings } = this.embeddings;
    let x = inScope(embeddings.path, () => embeddings.forward(inputs));
    for (const layer of this.encoder.module.layer.module.items) {
      x = inScope(layer.path, () => recomputable(() => layer.forward(x, pass)));
    }
    return x;
  }
}
