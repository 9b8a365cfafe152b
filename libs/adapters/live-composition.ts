/** The stacked form of a composition in memory, whose weights can be changed between two answers. */
import type { LoraFactors } from '#adapters/adapter.js';
import { scaleColumns } from '#adapters/composed-factors.js';
import { checkWeights, stackMembers, sumWeights } from '#adapters/composition-members.js';
import type { CompositionMember, Stack, StackPart } from '#adapters/composition-members.js';
import type { FlatAdapter } from '#adapters/flat-factors.js';
import { readParts } from '#adapters/stack-measure.js';
import { adapterLayout } from '#lora/adapter-layout.js';
import type { TargetModule } from '#lora/target-modules.js';

/** Where one member's weight goes in at one layer. */
interface WeightedPart extends StackPart {
  /** Of the factor that carries the weight, the smaller one: its numbers under the weight 1 / scale. */
  readonly unit: Float32Array;
  readonly factor: 'A' | 'B';
  /** The layer's part of the vector that this factor lies in: A [rank, in] or B [out, rank]. */
  readonly target: Float32Array;
  readonly rank: number;
}

/**
 * Members side by side as one adapter with the scale 1, in the flat form that a generator takes.
 *
 * The sum is exact up to one rounding to float32. What the weights multiply is the smaller factor of each layer, so
 * that a change costs as little as it can.
 */
export class LiveComposition implements FlatAdapter {
  private current: readonly (number | undefined)[];

  private constructor(
    readonly modules: readonly TargetModule[],
    readonly parameters: Float32Array,
    private readonly stack: Stack,
    private readonly names: readonly string[],
    private readonly parts: readonly WeightedPart[],
  ) {
    this.current = stack.members.map(() => undefined);
  }

  /** Reads the members into memory. Throws what `stackMembers` and reading them throw. */
  static async open(listed: readonly CompositionMember[], signal?: AbortSignal): Promise<LiveComposition> {
    const stack = await stackMembers(listed, signal);
    const modules = stack.modules.map(({ path, rank, inFeatures, outFeatures }) => ({
      path,
      r: rank,
      loraAlpha: rank,
      scale: 1,
      inFeatures,
      outFeatures,
    }));
    const { entries, size } = adapterLayout(modules);
    const parameters = new Float32Array(size);
    const parts: WeightedPart[] = [];
    for (const [i, module] of stack.modules.entries()) {
      signal?.throwIfAborted();
      const [A, B] = [entries[2 * i]!, entries[2 * i + 1]!].map(({ offset, shape }) =>
        parameters.subarray(offset, offset + shape[0]! * shape[1]!),
      ) as [Float32Array, Float32Array];
      const factors = await readParts(stack, module);
      for (const [p, part] of module.parts.entries()) {
        parts.push(placePart(part, factors[p]!, { ...module, A, B }));
      }
    }
    const names = listed.map(({ adapter }) => adapter.name);
    const live = new LiveComposition(modules, parameters, stack, names, parts);
    live.setWeights(listed.map(({ weight }) => weight));
    return live;
  }

  /**
   * Changes the weights of the members, one for each as they were listed, in the vector itself; members that keep theirs
   * cost nothing. All may be 0, which is the base model. Throws CompositionError `weights_miscounted` and
   * `weight_not_finite`.
   */
  setWeights(listed: readonly number[]): void {
    checkWeights(listed, this.names);
    const weights = sumWeights(this.stack.places, listed);
    for (const { member, first, r, scale, unit, factor, target, rank } of this.parts) {
      if (weights[member] === this.current[member]) continue;
      const by = weights[member]! * scale;
      if (factor === 'B') scaleColumns(target, rank, first, unit, r, by);
      else scaleRows(target, first * (unit.length / r), unit, by);
    }
    this.current = weights;
  }
}

/** Writes `source`, times a number, into `target` from an index on; four at a time, which takes half as long. */
function scaleRows(target: Float32Array, at: number, source: Float32Array, by: number): void {
  const { length } = source;
  const rows = target.subarray(at, at + length);
  let i = 0;
  for (; i + 3 < length; i += 4) {
    rows[i] = by * source[i]!;
    rows[i + 1] = by * source[i + 1]!;
    rows[i + 2] = by * source[i + 2]!;
    rows[i + 3] = by * source[i + 3]!;
  }
  for (; i < length; i++) rows[i] = by * source[i]!;
}

/** Writes the larger factor of a part into its place and keeps the other for the weights. */
function placePart(
  part: StackPart,
  { A, B }: LoraFactors,
  layer: { rank: number; inFeatures: number; outFeatures: number; A: Float32Array; B: Float32Array },
): WeightedPart {
  const { rank, inFeatures, outFeatures } = layer;
  if (outFeatures < inFeatures) {
    layer.A.set(A, part.first * inFeatures);
    return { ...part, unit: B, factor: 'B', target: layer.B, rank };
  }
  scaleColumns(layer.B, rank, part.first, B, part.r, 1);
  return { ...part, unit: A, factor: 'A', target: layer.A, rank };
}
