/**
 * The decoder of Llama, Mistral and Qwen2 as one tree of layers; what sets the families apart are flags of its
 * configuration.
 */
import { attention } from '#jit/ops/attention.js';
import { rotary } from '#jit/ops/rotary.js';
import { swiGlu } from '#jit/ops/swiglu.js';
import { add, reshape, type Tensor, transpose } from '#jit/ops.js';
import { inScope, recomputable } from '#jit/tracing.js';
import type { DecoderConfig } from '#models/config.js';
import { attentionMask } from '#nn/attention-mask.js';
import { Embedding, Linear, RmsNorm } from '#nn/layers.js';
import { Module, ModuleList, type RowMap, type Slot, Unweighted } from '#nn/module.js';
import { rotaryFrequencies } from '#nn/rotary-frequencies.js';
import { type RotaryTable, rotaryTable } from '#nn/rotary-table.js';

/** A batch of B blocks of L tokens, flattened to rows = B * L. */
export interface DecoderInputs {
  /** int32 [rows]. */
  readonly tokens: Tensor;
  /** int32 [rows], starting at 0 for every example. */
  readonly positions: Tensor;
  /** int32 [B, L]: tokens of one example share a number. */
  readonly segments: Tensor;
  /** In place of attention within the blocks. */
  readonly attend?: Attend;
}

/** The attention of one layer, positions turned in: q [B, KV, L, G, D], k and v [B, KV, L, D]. */
export interface AttentionCall {
  /** Index of the layer. */
  readonly layer: number;
  /** Number of positions a token sees, itself included; null = all before it. */
  readonly window: number | null;
  readonly q: Tensor;
  readonly k: Tensor;
  readonly v: Tensor;
  /** Attention within the blocks. */
  readonly inBlocks: () => Tensor;
}

/** What the queries of a layer take from values, [B, KV, L, G, D]. */
export type Attend = (call: AttentionCall) => Tensor;

/** What all layers share in one forward pass. */
interface Shared {
  readonly batch: number;
  readonly length: number;
  readonly angles: RotaryTable;
  readonly maskOf: (window: number | null) => Tensor;
  readonly attend: Attend;
}

class SelfAttention extends Module {
  private readonly q: Slot<RowMap>;
  private readonly k: Slot<RowMap>;
  private readonly v: Slot<RowMap>;
  private readonly o: Slot<RowMap>;

  constructor(
    path: string,
    private readonly config: DecoderConfig,
    private readonly layer: number,
  ) {
    super(path);
    const { hiddenSize, heads, kvHeads, headDim, attentionBias, outputBias } = config;
    const project = (name: string, outputs: number) =>
      this.child<RowMap>(name, (path) => new Linear(path, hiddenSize, outputs, attentionBias));
    this.q = project('q_proj', heads * headDim);
    this.k = project('k_proj', kvHeads * headDim);
    this.v = project('v_proj', kvHeads * headDim);
    this.o = this.child<RowMap>(
      'o_proj',
      (path) => new Linear(path, heads * headDim, hiddenSize, outputBias),
    );
  }

  forward(x: Tensor, { batch: B, length: L, angles, maskOf, attend }: Shared): Tensor {
    const { heads, kvHeads: KV, headDim: D } = this.config;
    const G = heads / KV;
    const turned = (x: Tensor, heads: number) => rotary(x, angles.cos, angles.sin, heads);
    const keyHeads = (x: Tensor) => transpose(reshape(x, [B, L, KV, D]), [0, 2, 1, 3]);
    const queryHeads = (x: Tensor) => transpose(reshape(x, [B, L, KV, G, D]), [0, 2, 1, 3, 4]);
    const q = queryHeads(turned(this.q.module.forward(x), heads));
    const k = keyHeads(turned(this.k.module.forward(x), KV));
    const v = keyHeads(this.v.module.forward(x));
    const window = this.config.slidingWindow[this.layer]!;
    const inBlocks = () => attention(q, k, v, maskOf(window), { scale: 1 / Math.sqrt(D) });
    const output = attend({ layer: this.layer, window, q, k, v, inBlocks });
    return this.o.module.forward(reshape(transpose(output, [0, 2, 1, 3, 4]), [B * L, heads * D]));
  }
}

class GatedMlp extends Module {
  private readonly gate: Slot<RowMap>;
  private readonly up: Slot<RowMap>;
  private readonly down: Slot<RowMap>;

  constructor(path: string, { hiddenSize, intermediateSize, mlpBias }: DecoderConfig) {
    super(path);
    const layer = (name: string, inputs: number, outputs: number) =>
      this.child<RowMap>(name, (path) => new Linear(path, inputs, outputs, mlpBias));
    this.gate = layer('gate_proj', hiddenSize, intermediateSize);
    this.up = layer('up_proj', hiddenSize, intermediateSize);
    this.down = layer('down_proj', intermediateSize, hiddenSize);
    this.child('act_fn', (path) => new Unweighted(path));
  }

  forward(x: Tensor): Tensor {
    return this.down.module.forward(swiGlu(this.gate.module.forward(x), this.up.module.forward(x)));
  }
}

class DecoderLayer extends Module {
  private readonly attention: Slot<SelfAttention>;
  private readonly mlp: Slot<GatedMlp>;
  private readonly attentionNorm: Slot<RmsNorm>;
  private readonly mlpNorm: Slot<RmsNorm>;

  constructor(path: string, config: DecoderConfig, layer: number) {
    super(path);
    const norm = (path: string) => new RmsNorm(path, config.hiddenSize, config.rmsNormEps);
    this.attention = this.child('self_attn', (path) => new SelfAttention(path, config, layer));
    this.mlp = this.child('mlp', (path) => new GatedMlp(path, config));
    this.attentionNorm = this.child('input_layernorm', norm);
    this.mlpNorm = this.child('post_attention_layernorm', norm);
  }

  forward(x: Tensor, shared: Shared): Tensor {
    const attended = add(x, this.attention.module.forward(this.attentionNorm.module.forward(x), shared));
    return add(attended, this.mlp.module.forward(this.mlpNorm.module.forward(attended)));
  }
}

class DecoderBody extends Module {
  readonly embedding: Slot<Embedding>;
  private readonly layers: Slot<ModuleList<DecoderLayer>>;
  private readonly norm: Slot<RmsNorm>;

  constructor(
    path: string,
    private readonly config: DecoderConfig,
  ) {
    super(path);
    this.embedding = this.child(
      'embed_tokens',
      (path) => new Embedding(path, config.vocabSize, config.hiddenSize),
    );
    this.layers = this.child(
      'layers',
      (path) => new ModuleList(path, config.layers, (path, i) => new DecoderLayer(path, config, i)),
    );
    this.norm = this.child('norm', (path) => new RmsNorm(path, config.hiddenSize, config.rmsNormEps));
    this.child('rotary_emb', (path) => new Unweighted(path));
  }

  forward({ tokens, positions, segments, attend = ({ inBlocks }) => inBlocks() }: DecoderInputs): Tensor {
    const [batch, length] = segments.shape as [number, number];
    const masks = new Map<number | null, Tensor>();
    const maskOf = (window: number | null): Tensor => {
      // A window as long as the block hides nothing.
      const effective = window !== null && window < length ? window : null;
      const mask = masks.get(effective) ?? attentionMask(segments, effective);
      masks.set(effective, mask);
      return mask;
    };
    const { rope, headDim } = this.config;
    const shared = {
      batch,
      length,
      maskOf,
      attend,
      angles: rotaryTable(positions, rotaryFrequencies(headDim, rope)),
    };
    // The masks belong to no layer: they are made before the first one.
    new Set(this.config.slidingWindow).forEach(maskOf);
    let x = this.embedding.module.forward(tokens);
    for (const layer of this.layers.module.items) {
      x = inScope(layer.path, () => recomputable(() => layer.forward(x, shared)));
    }
    return inScope('model.norm', () => this.norm.module.forward(x));
  }
}

/** A causal language model: body and output head. */
export class Decoder extends Module {
  private readonly body: Slot<DecoderBody>;
  private readonly head: Slot<Linear>;

  constructor(readonly config: DecoderConfig) {
    super('');
    const { hiddenSize, vocabSize, tieWordEmbeddings } = config;
    this.body = this.child('model', (path) => new DecoderBody(path, config));
    const tied = tieWordEmbeddings ? this.inputEmbedding.weight : undefined;
    this.head = this.child('lm_head', (path) => new Linear(path, hiddenSize, vocabSize, false, tied));
  }

  get inputEmbedding(): Embedding {
    return this.body.module.embedding.module;
  }

  /** What makes logits of hidden states; it may share the weight of the input embedding. */
  get outputEmbedding(): Linear {
    return this.head.module;
  }

  /** The normalised last hidden states [rows, hiddenSize]. */
  forward(inputs: DecoderInputs): Tensor {
    return this.body.module.forward(inputs);
  }

  /** The weight [vocabulary, hiddenSize] that turns hidden states into logits. */
  get headWeight(): Tensor {
    return this.outputEmbedding.weight.tensor;
  }
}
