/** Where the members of a composition pull against each other, measured without ever making their updates whole. */
import type { StackPart } from '#adapters/composition-members.js';
import type { MeasuredModule } from '#adapters/stack-measure.js';
import type { LoraFactors } from '#lora/target-module.js';

/** Two members of a composition, over all layers. */
export interface MemberConflict {
  /** Indices into the members of the recipe, the smaller one first. */
  readonly members: readonly [number, number];
  /** Number of layers that both adapt. */
  readonly layers: number;
  /** Between their weighted updates, as if all layers were one vector: -1 to 1. */
  readonly cosine: number;
  /** Share of the entries that both change whose signs differ, 0 to 1; from evenly spaced rows of each layer. */
  readonly opposedSigns: number;
  /** Degrees between the column spaces of their B, the root mean square of the principal angles by cosine: 0 to 90. */
  readonly angle: number;
}

/** Two parts of one layer, each with the weight 1. */
export interface PartOverlap {
  readonly members: readonly [number, number];
  /** Entries of the sampled rows that both change. */
  readonly compared: number;
  /** Of those, the ones whose signs differ. */
  readonly opposed: number;
  /** The sum of the products of all entries of both updates. */
  readonly inner: number;
  /** Sum of the squared cosines of the principal angles between the column spaces of their B. */
  readonly squaredCosines: number;
  /** Number of those angles. */
  readonly angles: number;
}

/** One layer of a stack: what each part is worth, and every two parts beside each other. */
export interface ModuleOverlaps {
  /** Squared Frobenius norm of scale B A, for each part. */
  readonly squares: readonly { readonly member: number; readonly square: number }[];
  readonly pairs: readonly PartOverlap[];
}

/** Sampled rows of a layer, shared out among the pairs: many members are compared at fewer entries. */
const sampledRows = 64;

/** Compares the parts of one layer; `factors` are theirs. Costs sampled rows times rank times columns. */
export function overlapsOf(module: MeasuredModule, factors: readonly LoraFactors[]): ModuleOverlaps {
  const { parts } = module;
  const squares = parts.map((part) => ({ member: part.member, square: innerProduct(module, part, part) }));
  const pairCount = (parts.length * (parts.length - 1)) / 2;
  if (pairCount === 0) return { squares, pairs: [] };
  const rows = sampleRows(module.outFeatures, Math.max(1, Math.floor(sampledRows / pairCount)));
  const signs = parts.map((part, i) => signsOf(part, factors[i]!, rows, module.inFeatures));
  const bases = parts.map((part) => columnBasis(module, part));
  const pairs: PartOverlap[] = [];
  for (let i = 0; i < parts.length; i++) {
    for (let j = i + 1; j < parts.length; j++) {
      const [a, b] = [parts[i]!, parts[j]!];
      pairs.push({
        members: [Math.min(a.member, b.member), Math.max(a.member, b.member)],
        ...compareSigns(signs[i]!, signs[j]!),
        inner: innerProduct(module, a, b),
        ...compareSpaces(bases[i]!, bases[j]!),
      });
    }
  }
  return { squares, pairs };
}

/** Every two members over all layers, with the signs of their weights; a weight of 0 counts as positive. */
export function conflictsOf(
  modules: readonly ModuleOverlaps[],
  weights: readonly number[],
): readonly MemberConflict[] {
  const squares = weights.map(() => 0);
  for (const { squares: own } of modules) for (const { member, square } of own) squares[member]! += square;
  const conflicts: MemberConflict[] = [];
  for (let i = 0; i < weights.length; i++) {
    for (let j = i + 1; j < weights.length; j++) {
      const shared = modules.flatMap(({ pairs }) =>
        pairs.filter(({ members: [a, b] }) => a === i && b === j),
      );
      const sum = (of: (pair: PartOverlap) => number) => shared.reduce((total, pair) => total + of(pair), 0);
      const sign = weights[i]! < 0 === weights[j]! < 0 ? 1 : -1;
      const compared = sum(({ compared: count }) => count);
      const opposed = share(
        sum(({ opposed: count }) => count),
        compared,
      );
      const length = Math.sqrt(squares[i]! * squares[j]!);
      const angles = sum(({ angles: count }) => count);
      const squaredCosine = share(
        sum((pair) => pair.squaredCosines),
        angles,
      );
      conflicts.push({
        members: [i, j],
        layers: shared.length,
        cosine:
          sign *
          share(
            sum(({ inner }) => inner),
            length,
          ),
        opposedSigns: sign > 0 || compared === 0 ? opposed : 1 - opposed,
        angle: (Math.acos(Math.sqrt(Math.min(1, squaredCosine))) * 180) / Math.PI,
      });
    }
  }
  return conflicts;
}

const share = (part: number, whole: number) => (whole > 0 ? part / whole : 0);

function sampleRows(count: number, wanted: number): number[] {
  const taken = Math.min(count, wanted);
  return Array.from({ length: taken }, (_, i) => Math.floor((i * count) / taken));
}

/** Signs of scale B A at some rows: [rows, in]. */
function signsOf(
  { r, scale }: StackPart,
  { A, B }: LoraFactors,
  rows: readonly number[],
  inFeatures: number,
): Int8Array {
  const signs = new Int8Array(rows.length * inFeatures);
  const sum = new Float64Array(inFeatures);
  for (const [place, row] of rows.entries()) {
    sum.fill(0);
    for (let k = 0; k < r; k++) {
      const factor = scale * B[row * r + k]!;
      if (factor === 0) continue;
      for (let c = 0; c < inFeatures; c++) sum[c] = sum[c]! + factor * A[k * inFeatures + c]!;
    }
    for (let c = 0; c < inFeatures; c++) signs[place * inFeatures + c] = Math.sign(sum[c]!);
  }
  return signs;
}

function compareSigns(a: Int8Array, b: Int8Array): { compared: number; opposed: number } {
  let [compared, opposed] = [0, 0];
  for (let i = 0; i < a.length; i++) {
    const product = a[i]! * b[i]!;
    if (product !== 0) compared++;
    if (product < 0) opposed++;
  }
  return { compared, opposed };
}

/** <scale_a B_a A_a, scale_b B_b A_b> from the triangles: sum over k, l of (Rb_k . Rb_l) (Ra_k . Ra_l). */
function innerProduct({ rank: n, Rb, Ra }: MeasuredModule, a: StackPart, b: StackPart): number {
  let sum = 0;
  for (let k = a.first; k < a.first + a.r; k++) {
    for (let l = b.first; l < b.first + b.r; l++) {
      let [left, right] = [0, 0];
      for (let i = 0; i <= Math.min(k, l); i++) {
        left += Rb[i * n + k]! * Rb[i * n + l]!;
        right += Ra[i * n + k]! * Ra[i * n + l]!;
      }
      sum += left * right;
    }
  }
  return a.scale * b.scale * sum;
}

/** Columns shorter than this share of the longest one are rounding. */
const noise = 1e-9;

/** An orthonormal basis of what a part's B reaches, in the coordinates of the triangle (Gram and Schmidt, twice). */
function columnBasis({ rank: n, Rb }: MeasuredModule, { first, r }: StackPart): Float64Array[] {
  const columns = Array.from({ length: r }, (_, k) =>
    Float64Array.from({ length: n }, (__, i) => Rb[i * n + first + k]!),
  );
  const longest = Math.max(...columns.map((column) => Math.sqrt(dot(column, column))));
  const basis: Float64Array[] = [];
  for (const column of columns) {
    for (let pass = 0; pass < 2; pass++) {
      for (const known of basis) {
        const along = dot(column, known);
        for (let i = 0; i < n; i++) column[i] = column[i]! - along * known[i]!;
      }
    }
    const length = Math.sqrt(dot(column, column));
    if (length > noise * longest) basis.push(column.map((value) => value / length));
  }
  return basis;
}

function compareSpaces(
  a: readonly Float64Array[],
  b: readonly Float64Array[],
): { squaredCosines: number; angles: number } {
  let squaredCosines = 0;
  for (const u of a) for (const v of b) squaredCosines += dot(u, v) ** 2;
  return { squaredCosines, angles: Math.min(a.length, b.length) };
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}
