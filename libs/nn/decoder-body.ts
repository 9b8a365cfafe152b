/** A decoder without its head: embedding, layers, last norm. */
import { add, mul, scalar, type Tensor } from '#jit/ops.js';
import { inScope, recomputable } from '#jit/tracing.js';
import { Attention } from '#nn/attention.js';
import type { DecoderLayer } from '#nn/decoder-layers.js';
import { type DecoderInputs, DecoderPass } from '#nn/decoder-pass.js';
import { Embedding, type Norm, type TokenTable } from '#nn/layers.js';
import { Module, ModuleList, type Slot, Unweighted } from '#nn/module.js';
import { StatefulLayer } from '#nn/stateful-layer.js';

export interface BodyOptions {
  readonly vocabSize: number;
  readonly hiddenSize: number;
  readonly layers: number;
  readonly layer: (path: string, index: number) => DecoderLayer;
  readonly norm: (path: string) => Norm;
  /** What embeddings are multiplied by; 1 unless said otherwise. */
  readonly embeddingScale?: number;
  /** A learned embedding of so many positions, added to that of the tokens. */
  readonly learnedPositions?: number;
  readonly names?: BodyNames;
}

/** Names of a body's children; those of the modules without weights are there for patterns over paths. */
export interface BodyNames {
  readonly tokens: string;
  /** Needed with learned positions only. */
  readonly positions?: string;
  readonly beforeLayers?: readonly string[];
  readonly layers: string;
  readonly beforeNorm?: readonly string[];
  readonly norm: string;
  readonly afterNorm?: readonly string[];
}

const llamaNames: BodyNames = {
  tokens: 'embed_tokens',
  layers: 'layers',
  norm: 'norm',
  afterNorm: ['rotary_emb'],
};

export class DecoderBody extends Module {
  private readonly tokens: Slot<TokenTable>;
  private readonly positions: Slot<TokenTable> | undefined;
  private readonly layers: Slot<ModuleList<DecoderLayer>>;
  private readonly norm: Slot<Norm>;

  constructor(
    path: string,
    private readonly options: BodyOptions,
  ) {
    super(path);
    const { vocabSize, hiddenSize, layers, layer, norm, learnedPositions, names = llamaNames } = options;
    const unweighted = (list: readonly string[] = []) =>
      list.forEach((name) => this.child(name, (path) => new Unweighted(path)));
    this.tokens = this.child<TokenTable>(names.tokens, (path) => new Embedding(path, vocabSize, hiddenSize));
    if (learnedPositions !== undefined && names.positions !== undefined) {
      this.positions = this.child<TokenTable>(
        names.positions,
        (path) => new Embedding(path, learnedPositions, hiddenSize),
      );
    }
    unweighted(names.beforeLayers);
    this.layers = this.child(names.layers, (path) => new ModuleList(path, layers, layer));
    unweighted(names.beforeNorm);
    this.norm = this.child(names.norm, norm);
    unweighted(names.afterNorm);
  }

  get embedding(): TokenTable {
    return this.tokens.module;
  }

  /** The attention of every layer that has one. */
  get attentions(): readonly Attention[] {
    return [...this.modules()].filter((module) => module instanceof Attention);
  }

  /** The layers that carry something from token to token. */
  get states(): readonly StatefulLayer[] {
    return [...this.modules()].filter((module) => module instanceof StatefulLayer);
  }

  /** The normalised last hidden states [rows, hiddenSize]. */
  forward(inputs: DecoderInputs): Tensor {
    const pass = new DecoderPass(inputs);
    // Masks and angles belong to no layer: they are made before the first one.
    for (const { options } of this.attentions) {
      pass.maskOf(options.window);
      if (options.rotary) pass.anglesOf(options.rotary);
    }
    for (const layer of this.states) layer.prepare(pass);
    let x = this.embed(inputs);
    const own = this.layerInputs(inputs, x);
    for (const [i, layer] of this.layers.module.items.entries()) {
      x = inScope(layer.path, () => recomputable(() => layer.forward(x, pass, own[i])));
    }
    const { module: norm } = this.norm;
    return inScope(norm.path, () => norm.forward(x));
  }

  /** What each layer is given beside the rows that go in, nothing unless a body makes it. */
  protected layerInputs(_inputs: DecoderInputs, _x: Tensor): readonly Tensor[] {
    return [];
  }

  private embed({ tokens, positions }: DecoderInputs): Tensor {
    const { embeddingScale = 1 } = this.options;
    const rows = this.embedding.forward(tokens);
    const scaled = embeddingScale === 1 ? rows : mul(rows, scalar(embeddingScale));
    return this.positions ? add(scaled, this.positions.module.forward(positions)) : scaled;
  }
}
