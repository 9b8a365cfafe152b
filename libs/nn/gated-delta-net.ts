/** A layer of Gated DeltaNet (Yang, Kautz and Hatamizadeh 2024) as Qwen3.5 has it, in the place of attention. */
import { type ChunkMasks, type DeltaChunks, deltaRuleStep, gatedDeltaRule } from '#jit/ops/delta-rule.js';
import { silu } from '#jit/ops/silu.js';
import { softplus } from '#jit/ops/softplus.js';
import { swiGlu } from '#jit/ops/swiglu.js';
import {
  add,
  cast,
  exp,
  lessEqual,
  mul,
  neg,
  pad,
  reshape,
  rsqrt,
  square,
  sum,
  scalar,
  sigmoid,
  slice,
  split,
  type Tensor,
  tensor,
  transpose,
} from '#jit/ops.js';
import type { Mixer } from '#nn/decoder-layers.js';
import type { DecoderPass } from '#nn/decoder-pass.js';
import { Linear, RmsNorm } from '#nn/layers.js';
import type { Parameter, RowMap, Slot } from '#nn/module.js';
import { ShortConv } from '#nn/short-conv.js';
import { StatefulLayer } from '#nn/stateful-layer.js';

export interface GatedDeltaNetOptions {
  readonly hiddenSize: number;
  readonly keyHeads: number;
  /** A multiple of the heads of keys; neighbours share one. */
  readonly valueHeads: number;
  readonly keyDim: number;
  readonly valueDim: number;
  readonly convSize: number;
  readonly rmsNormEps: number;
}

/** Products of a chunk grow with its square, what is kept of S with its inverse. */
const longestChunk = 64;
const shortestChunk = 8;
/** Under the root where queries and keys are brought to length 1. */
const lengthEpsilon = 1e-6;

/** Rows of what tokens say: q and k [rows, keyHeads * keyDim], v [rows, valueHeads * valueDim], g and beta [rows, valueHeads]. */
type Said = DeltaChunks;

/**
 * out(norm(o) * silu(z)), where o is read by the gated delta rule: queries, keys and values come out of one product and
 * a short convolution, queries and keys have length 1, and how S fades and is corrected every token says itself.
 *
 * While text is generated it carries S of every head, [valueHeads, keyDim, valueDim], beside its convolution's rows.
 */
export class GatedDeltaNet extends StatefulLayer implements Mixer {
  readonly stateShape: readonly number[];
  private readonly conv: Slot<ShortConv>;
  private readonly norm: Slot<RmsNorm>;
  private readonly output: Slot<RowMap>;
  private readonly mixed: Slot<RowMap>;
  private readonly gate: Slot<RowMap>;
  private readonly correction: Slot<RowMap>;
  private readonly fading: Slot<RowMap>;
  private readonly fadingBias: Parameter;
  private readonly fadingRate: Parameter;

  constructor(
    path: string,
    private readonly options: GatedDeltaNetOptions,
  ) {
    super(path);
    const { hiddenSize, keyHeads, valueHeads, keyDim, valueDim, convSize, rmsNormEps } = options;
    const [keys, values] = [keyHeads * keyDim, valueHeads * valueDim];
    const linear = (name: string, inputs: number, outputs: number) =>
      this.child<RowMap>(name, (path) => new Linear(path, inputs, outputs, false));
    this.stateShape = [valueHeads, keyDim, valueDim];
    this.fadingBias = this.parameter('dt_bias', [valueHeads]);
    this.fadingRate = this.parameter('A_log', [valueHeads]);
    this.conv = this.child('conv1d', (path) => new ShortConv(path, 2 * keys + values, convSize, false));
    this.norm = this.child('norm', (path) => new RmsNorm(path, valueDim, rmsNormEps));
    this.output = linear('out_proj', values, hiddenSize);
    this.mixed = linear('in_proj_qkv', hiddenSize, 2 * keys + values);
    this.gate = linear('in_proj_z', hiddenSize, values);
    this.correction = linear('in_proj_b', hiddenSize, valueHeads);
    this.fading = linear('in_proj_a', hiddenSize, valueHeads);
  }

  override prepare(pass: DecoderPass): void {
    if (!pass.carry?.before(this.path)) pass.chunkMasks(chunkSize(pass.length));
  }

  /** Rows [rows, hiddenSize] to the same. */
  forward(x: Tensor, pass: DecoderPass): Tensor {
    const { valueDim } = this.options;
    const before = pass.carry?.before(this.path);
    const said = this.say(x, pass);
    const found = before ? this.step(said, before, pass) : this.inChunks(said, pass);
    const z = reshape(this.gate.module.forward(x), [-1, valueDim]);
    const gated = swiGlu(z, this.norm.module.forward(reshape(found, [-1, valueDim])));
    return this.output.module.forward(reshape(gated, found.shape));
  }

  private say(x: Tensor, pass: DecoderPass): Said {
    const { keyHeads, valueHeads, keyDim, valueDim } = this.options;
    const [keys, values] = [keyHeads * keyDim, valueHeads * valueDim];
    const seen = this.conv.module.forward(this.mixed.module.forward(x), pass);
    const [q, k, v] = split(silu(seen), [keys, keys, values], 1) as [Tensor, Tensor, Tensor];
    return {
      // What queries are divided by beside their length keeps scores in range, as in attention.
      q: scaledTo(keyDim ** -0.5, q, keyDim),
      k: scaledTo(1, k, keyDim),
      v,
      g: neg(
        mul(
          softplus(add(this.fading.module.forward(x), this.fadingBias.tensor)),
          exp(this.fadingRate.tensor),
        ),
      ),
      beta: sigmoid(this.correction.module.forward(x)),
    };
  }

  /** What a block's rows read, [rows, valueHeads * valueDim]. */
  private inChunks({ q, k, v, g, beta }: Said, pass: DecoderPass): Tensor {
    const { keyHeads, valueHeads, keyDim, valueDim } = this.options;
    const { batch: B, length: L, carry } = pass;
    const G = valueHeads / keyHeads;
    const C = chunkSize(L);
    const masks: ChunkMasks = pass.chunkMasks(C);
    const N = masks.chunks;
    const filled = (x: Tensor, width: number) => {
      const blocks = reshape(x, [B, L, width]);
      const missing = N * C - L;
      return missing === 0
        ? blocks
        : pad(blocks, [
            [0, 0],
            [0, missing],
            [0, 0],
          ]);
    };
    /** [rows, heads * width] to [N * B, heads, C, width]. */
    const cut = (x: Tensor, heads: number, width: number) =>
      reshape(transpose(reshape(filled(x, heads * width), [B, N, C, heads, width]), [1, 0, 3, 2, 4]), [
        N * B,
        heads,
        C,
        width,
      ]);
    const grouped = (x: Tensor, ...tail: number[]) => reshape(x, [N * B, keyHeads, G, C, ...tail]);
    // Rows behind the last that counts change nothing in S.
    const counted = carry ? (x: Tensor) => mul(x, countedRows(B * L, carry.lastRow)) : (x: Tensor) => x;
    const found = gatedDeltaRule(
      {
        q: cut(q, keyHeads, keyDim),
        k: cut(k, keyHeads, keyDim),
        v: grouped(cut(v, valueHeads, valueDim), valueDim),
        g: grouped(cut(counted(g), valueHeads, 1)),
        beta: grouped(cut(counted(beta), valueHeads, 1)),
      },
      masks,
      carry && ((last) => carry.keep(this.path, last)),
    );
    const rows = transpose(reshape(found, [N, B, valueHeads, C, valueDim]), [1, 0, 3, 2, 4]);
    const blocks = reshape(rows, [B, N * C, valueHeads * valueDim]);
    return reshape(slice(blocks, [0, 0, 0], [B, L, valueHeads * valueDim]), [B * L, valueHeads * valueDim]);
  }

  /** What one token reads after those that left S. */
  private step({ q, k, v, g, beta }: Said, before: Tensor, pass: DecoderPass): Tensor {
    const { keyHeads, valueHeads, keyDim, valueDim } = this.options;
    const G = valueHeads / keyHeads;
    const { found, next } = deltaRuleStep(
      {
        q: reshape(q, [keyHeads, keyDim]),
        k: reshape(k, [keyHeads, keyDim]),
        v: reshape(v, [keyHeads, G, valueDim]),
        g: reshape(g, [keyHeads, G]),
        beta: reshape(beta, [keyHeads, G]),
      },
      before,
    );
    pass.carry!.keep(this.path, next);
    return reshape(found, [1, valueHeads * valueDim]);
  }
}

/** Chunks no longer than the block needs, a power of two. */
function chunkSize(length: number): number {
  let size = shortestChunk;
  while (size < length && size < longestChunk) size *= 2;
  return size;
}

/** Heads of rows brought to a length; x / sqrt(sum(x^2) + epsilon) is a norm by the mean with other constants. */
function scaledTo(length: number, x: Tensor, headDim: number): Tensor {
  const heads = reshape(x, [-1, headDim]);
  const unit = mul(heads, rsqrt(add(sum(square(heads), 1, true), scalar(lengthEpsilon))));
  return reshape(length === 1 ? unit : mul(unit, scalar(length)), x.shape);
}

/** 1 for rows up to `last` int32 [1], else 0: f32 [rows, 1]. */
function countedRows(rows: number, last: Tensor): Tensor {
  const index = tensor(Int32Array.from({ length: rows }, (_, i) => i));
  return reshape(cast(lessEqual(index, last), 'float32'), [rows, 1]);
}
