/** One forward pass of a transformer: what goes in, and what all its layers share. */
import type { ChunkMasks } from '#jit/ops/delta-rule.js';
import type { Tensor } from '#jit/ops.js';
import { attentionMask, chunkMasks, sameExampleMask, segmentMask } from '#nn/attention-mask.js';
import type { RotaryFrequencies } from '#nn/rotary-frequencies.js';
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
  /** What layers carry from token to token; nothing unless text is generated. */
  readonly carry?: Carry;
}

/** Numbers of a fixed size that layers carry from one run to the next while text is generated. */
export interface Carry {
  /** What the layer of a path kept after the tokens before; undefined at the start of a text. */
  readonly before: (path: string) => Tensor | undefined;
  /** Keeps what a layer knows after the last token that counts. */
  readonly keep: (path: string, state: Tensor) => void;
  /** int32 [1]: the row of that token; rows behind it only fill the block. */
  readonly lastRow: Tensor;
}

/** The sizes of one attention. */
export interface AttentionShape {
  /** Index of the layer. */
  readonly layer: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  /** Number of positions a token sees, itself included; null = all before it. */
  readonly window: number | null;
  /** Whether it sees the tokens behind it too, as in encoders. */
  readonly bidirectional?: boolean;
  /** The layer whose keys and values it reads, if that is an earlier one. */
  readonly keysFrom?: number;
}

/** Keys and values [B, KV, L, D] of one layer. */
export interface KeysAndValues {
  readonly k: Tensor;
  readonly v: Tensor;
}

/** The attention of one layer, rotary positions applied: q [B, KV, L, G, D], k and v [B, KV, L, D]. */
export interface AttentionCall {
  /** Index of the layer. */
  readonly layer: number;
  /** The layer whose keys and values these are, itself or an earlier one. */
  readonly keysFrom: number;
  /** Number of positions a token sees, itself included; null = all before it. */
  readonly window: number | null;
  /** What scores are multiplied by. */
  readonly scale: number;
  /** Where scores are softly capped; 0 = nowhere. */
  readonly softcap: number;
  readonly q: Tensor;
  readonly k: Tensor;
  readonly v: Tensor;
  /** Attention within the blocks. */
  readonly inBlocks: () => Tensor;
}

/** What the queries of a layer take from values, [B, KV, L, G, D]. */
export type Attend = (call: AttentionCall) => Tensor;

/** Masks and angles of one forward pass, each made once. */
export class DecoderPass {
  readonly batch: number;
  readonly length: number;
  /** int32 [rows]. */
  readonly positions: Tensor;
  readonly attend: Attend;
  readonly carry: Carry | undefined;
  /** By the layer that made them, for later ones that read them too. */
  readonly keysAndValues = new Map<number, KeysAndValues>();
  private readonly segments: Tensor;
  private wholeMask: Tensor | undefined;
  private readonly masks = new Map<number | null, Tensor>();
  private readonly examples = new Map<number, Tensor>();
  private readonly chunks = new Map<number, ChunkMasks>();
  private readonly tables = new Map<RotaryFrequencies, RotaryTable>();

  constructor({
    positions,
    segments,
    attend = ({ inBlocks }) => inBlocks(),
    carry,
  }: Omit<DecoderInputs, 'tokens'>) {
    this.carry = carry;
    [this.batch, this.length] = segments.shape as [number, number];
    this.positions = positions;
    this.segments = segments;
    this.attend = attend;
  }

  /** The additive mask [B, L, L] of a sliding window; null = none. */
  maskOf(window: number | null): Tensor {
    // A window as long as the block hides nothing.
    const effective = window !== null && window < this.length ? window : null;
    const mask = this.masks.get(effective) ?? attentionMask(this.segments, effective);
    this.masks.set(effective, mask);
    return mask;
  }

  /** The additive mask [B, L, L] of attention in both directions. */
  get segmentMask(): Tensor {
    return (this.wholeMask ??= segmentMask(this.segments));
  }

  /** 1 where the token so many positions before is of the same example, else 0: f32 [B, L, 1]. */
  sameExample(back: number): Tensor {
    const mask = this.examples.get(back) ?? sameExampleMask(this.segments, back);
    this.examples.set(back, mask);
    return mask;
  }

  /** Which tokens of chunks of a size are of one example; the last chunk may reach beyond the block. */
  chunkMasks(size: number): ChunkMasks {
    const masks = this.chunks.get(size) ?? chunkMasks(this.segments, size);
    this.chunks.set(size, masks);
    return masks;
  }

  /** cos and sin of the positions under the given frequencies. */
  anglesOf(frequencies: RotaryFrequencies): RotaryTable {
    const table = this.tables.get(frequencies) ?? rotaryTable(this.positions, frequencies);
    this.tables.set(frequencies, table);
    return table;
  }
}
