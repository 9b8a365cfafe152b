/** A decoder without its head: embedding, layers, last norm. */
import type { Tensor } from '#jit/ops.js';
import { inScope, recomputable } from '#jit/tracing.js';
import { Attention } from '#nn/attention.js';
import type { DecoderLayer } from '#nn/decoder-layers.js';
import { type DecoderInputs, DecoderPass } from '#nn/decoder-pass.js';
import { Embedding, type Norm } from '#nn/layers.js';
import { Module, ModuleList, type Slot, Unweighted } from '#nn/module.js';

export interface BodyOptions {
  readonly vocabSize: number;
  readonly hiddenSize: number;
  readonly layers: number;
  readonly layer: (path: string, index: number) => DecoderLayer;
  readonly norm: (path: string) => Norm;
}

export class DecoderBody extends Module {
  private readonly tokens: Slot<Embedding>;
  private readonly layers: Slot<ModuleList<DecoderLayer>>;
  private readonly norm: Slot<Norm>;

  constructor(path: string, { vocabSize, hiddenSize, layers, layer, norm }: BodyOptions) {
    super(path);
    this.tokens = this.child('embed_tokens', (path) => new Embedding(path, vocabSize, hiddenSize));
    this.layers = this.child('layers', (path) => new ModuleList(path, layers, layer));
    this.norm = this.child('norm', norm);
    this.child('rotary_emb', (path) => new Unweighted(path));
  }

  get embedding(): Embedding {
    return this.tokens.module;
  }

  /** The attention of every layer that has one. */
  get attentions(): readonly Attention[] {
    return [...this.modules()].filter((module) => module instanceof Attention);
  }

  /** The normalised last hidden states [rows, hiddenSize]. */
  forward(inputs: DecoderInputs): Tensor {
    const pass = new DecoderPass(inputs);
    // Masks and angles belong to no layer: they are made before the first one.
    for (const { options } of this.attentions) {
      pass.maskOf(options.window);
      if (options.rotary) pass.anglesOf(options.rotary);
    }
    let x = this.embedding.forward(inputs.tokens);
    for (const layer of this.layers.module.items) {
      x = inScope(layer.path, () => recomputable(() => layer.forward(x, pass)));
    }
    const { module: norm } = this.norm;
    return inScope(norm.path, () => norm.forward(x));
  }
}
