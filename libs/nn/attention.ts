/** Self-attention with grouped queries; how queries, keys and values are made is each kind's own. */
import { attention } from '#jit/ops/attention.js';
import { mul, reshape, sigmoid, split, type Tensor, transpose } from '#jit/ops.js';
import type { AttentionShape, DecoderPass, KeysAndValues } from '#nn/decoder-pass.js';
import { Linear, type Norm } from '#nn/layers.js';
import { Module, type RowMap, type Slot } from '#nn/module.js';
import type { RotaryFrequencies } from '#nn/rotary-frequencies.js';
import { rotate } from '#nn/rotary-table.js';

export interface AttentionOptions extends AttentionShape {
  /** Of queries and keys; null = the layer knows no positions. Layers that rotate alike share one object. */
  readonly rotary: RotaryFrequencies | null;
  /** What scores are multiplied by; 1 / sqrt(headDim) unless said otherwise. */
  readonly scale?: number;
  /** Scores are softly kept between -softcap and softcap; null = as they are. */
  readonly softcap?: number | null;
}

/** Rows of queries [rows, heads * D], keys and values [rows, kvHeads * D]; a layer may have none of its own. */
export interface Projections {
  readonly q: Tensor;
  /** [rows, heads * D]: by its sigmoid what the heads found is multiplied, if there is one. */
  readonly gate?: Tensor;
  readonly keysAndValues?: KeysAndValues;
}

export abstract class Attention extends Module {
  readonly scale: number;
  /** Whether something is trained that is added to all keys alike (see `AttentionAttributes`). */
  trainsBias = false;

  constructor(
    path: string,
    readonly options: AttentionOptions,
  ) {
    super(path);
    this.scale = options.scale ?? 1 / Math.sqrt(options.headDim);
  }

  /** Queries, keys and values of rows [rows, hiddenSize], normalised where the layer does so, not yet rotated. */
  protected abstract project(x: Tensor): Projections;

  /** From what the heads found, [rows, heads * D], to [rows, hiddenSize]. */
  protected abstract output(x: Tensor): Tensor;

  /** Queries [rows, heads * D] after their rotation, for kinds that do more to them. */
  protected finishQueries(q: Tensor, _pass: DecoderPass): Tensor {
    return q;
  }

  forward(x: Tensor, pass: DecoderPass): Tensor {
    const { layer, keysFrom = layer, heads, kvHeads: KV, headDim: D, window, rotary } = this.options;
    const { bidirectional = false } = this.options;
    const { scale } = this;
    const softcap = this.options.softcap ?? 0;
    const { batch: B, length: L } = pass;
    const G = heads / KV;
    const rotated = (x: Tensor, heads: number) => (rotary ? rotate(x, pass.anglesOf(rotary), heads) : x);
    const keyHeads = (x: Tensor) => transpose(reshape(x, [B, L, KV, D]), [0, 2, 1, 3]);
    const queryHeads = (x: Tensor) => transpose(reshape(x, [B, L, KV, G, D]), [0, 2, 1, 3, 4]);
    const rows = this.project(x);
    const q = queryHeads(this.finishQueries(rotated(rows.q, heads), pass));
    if (rows.keysAndValues) {
      const { k, v } = rows.keysAndValues;
      pass.keysAndValues.set(layer, { k: keyHeads(rotated(k, KV)), v: keyHeads(v) });
    }
    const { k, v } = pass.keysAndValues.get(keysFrom)!;
    const mask = () => (bidirectional ? pass.segmentMask : pass.maskOf(window));
    const inBlocks = () =>
      attention(q, k, v, mask(), { scale, softcap, bidirectional, exactSums: this.trainsBias });
    const found = pass.attend({ layer, keysFrom, window, scale, softcap, q, k, v, inBlocks });
    const foundRows = reshape(transpose(found, [0, 2, 1, 3, 4]), [B * L, heads * D]);
    return this.output(rows.gate ? mul(foundRows, sigmoid(rows.gate)) : foundRows);
  }
}

export interface ProjectedAttentionOptions extends AttentionOptions {
  readonly hiddenSize: number;
  /** Whether q, k and v have biases. */
  readonly bias?: boolean;
  readonly outputBias?: boolean;
  /** Whether the layer of queries makes a gate of what heads find too, each head's behind its query. */
  readonly gated?: boolean;
  /** Name of the output layer; `o_proj` unless said otherwise. */
  readonly outputName?: string;
  /** Norms of queries and keys, given their size: of a head, or of all heads together. */
  readonly queryKeyNorm?: {
    readonly over: 'head' | 'row';
    readonly norm: (path: string, size: number) => Norm;
    /** `q_norm` and `k_norm` unless said otherwise. */
    readonly names?: readonly [query: string, key: string];
  };
}

/** Attention with a layer each for queries, keys and values. */
export class ProjectedAttention extends Attention {
  private readonly q: Slot<RowMap>;
  private readonly k: Slot<RowMap>;
  private readonly v: Slot<RowMap>;
  private readonly o: Slot<RowMap>;
  private readonly norms: readonly [Slot<Norm>, Slot<Norm>] | undefined;
  private readonly isGated: boolean;

  constructor(path: string, options: ProjectedAttentionOptions) {
    super(path, options);
    const { hiddenSize, heads, kvHeads, headDim, queryKeyNorm } = options;
    const { bias = false, outputBias = false, gated = false, outputName = 'o_proj' } = options;
    this.isGated = gated;
    const project = (name: string, heads: number) =>
      this.child<RowMap>(name, (path) => new Linear(path, hiddenSize, heads * headDim, bias));
    this.q = project('q_proj', gated ? 2 * heads : heads);
    this.k = project('k_proj', kvHeads);
    this.v = project('v_proj', kvHeads);
    this.o = this.child<RowMap>(
      outputName,
      (path) => new Linear(path, heads * headDim, hiddenSize, outputBias),
    );
    if (queryKeyNorm) {
      const { over, norm, names = ['q_norm', 'k_norm'] } = queryKeyNorm;
      const sized = (name: string, heads: number) =>
        this.child(name, (path) => norm(path, over === 'head' ? headDim : heads * headDim));
      this.norms = [sized(names[0], heads), sized(names[1], kvHeads)];
    }
  }

  protected override project(x: Tensor): Projections {
    const [asked, k, v] = [this.q, this.k, this.v].map(({ module }) => module.forward(x)) as [
      Tensor,
      Tensor,
      Tensor,
    ];
    const { q, ...gate } = this.isGated ? this.parted(asked) : { q: asked };
    if (!this.norms) return { q, ...gate, keysAndValues: { k, v } };
    const [normQ, normK] = this.norms;
    return { q: normalise(normQ.module, q), ...gate, keysAndValues: { k: normalise(normK.module, k), v } };
  }

  protected override output(x: Tensor): Tensor {
    return this.o.module.forward(x);
  }

  /** Queries and gates, each head's beside each other. */
  private parted(rows: Tensor): { q: Tensor; gate: Tensor } {
    const { heads, headDim } = this.options;
    const parts = split(reshape(rows, [-1, heads, 2 * headDim]), 2, 2);
    const [q, gate] = parts.map((part) => reshape(part, [-1, heads * headDim])) as [Tensor, Tensor];
    return { q, gate };
  }
}

export interface FusedAttentionOptions extends AttentionOptions {
  /** The layer of queries, keys and values and the one after the heads; in the order of the model's own tree. */
  readonly projections: Readonly<Record<'fused' | 'output', NamedLayer>>;
  /** All queries, then all keys, then all values; or each head's query, key and value beside each other. */
  readonly layout: 'in turn' | 'by head';
}

/** The name of a layer, and what makes it given its path. */
export type NamedLayer = readonly [name: string, make: (path: string) => RowMap];

/** Attention whose queries, keys and values come out of one layer. */
export class FusedAttention extends Attention {
  private readonly made: Readonly<Record<'fused' | 'output', Slot<RowMap>>>;
  private readonly layout: FusedAttentionOptions['layout'];

  constructor(path: string, options: FusedAttentionOptions) {
    super(path, options);
    this.layout = options.layout;
    const made = Object.entries(options.projections).map(([role, [name, make]]) => [
      role,
      this.child<RowMap>(name, make),
    ]);
    this.made = Object.fromEntries(made) as Readonly<Record<'fused' | 'output', Slot<RowMap>>>;
  }

  protected override project(x: Tensor): Projections {
    const { heads, kvHeads, headDim: D } = this.options;
    const rows = this.made.fused.module.forward(x);
    if (this.layout === 'in turn') {
      const [q, k, v] = split(rows, [heads * D, kvHeads * D, kvHeads * D], 1) as [Tensor, Tensor, Tensor];
      return { q, keysAndValues: { k, v } };
    }
    const parts = split(reshape(rows, [-1, heads, 3 * D]), 3, 2);
    const [q, k, v] = parts.map((part) => reshape(part, [-1, heads * D])) as [Tensor, Tensor, Tensor];
    return { q, keysAndValues: { k, v } };
  }

  protected override output(x: Tensor): Tensor {
    return this.made.output.module.forward(x);
  }
}

/** A norm over pieces of its own size, head by head if it is as small as a head. */
export function normalise(norm: Norm, x: Tensor): Tensor {
  return reshape(norm.forward(reshape(x, [-1, norm.size])), x.shape);
}
