/** Exact statistics of lengths in memory that grows with the number of different lengths only. */

/** Lengths in tokens; all 0 if there are none. `p90` is the least length that 90% do not exceed. */
export interface LengthStatistics {
  readonly min: number;
  readonly median: number;
  readonly p90: number;
  readonly max: number;
}

/** How many lengths lie in each of equally wide ranges: `counts[i]` of those from i * width + 1 to (i + 1) * width. */
export interface LengthHistogram {
  readonly width: number;
  readonly counts: readonly number[];
}

export class LengthCounter {
  private readonly counts = new Map<number, number>();
  /** How many lengths were added. */
  count = 0;

  add(length: number): void {
    this.count++;
    this.counts.set(length, (this.counts.get(length) ?? 0) + 1);
  }

  statistics(): LengthStatistics {
    const lengths = [...this.counts].sort(([a], [b]) => a - b);
    const quantile = (share: number): number => {
      let left = Math.max(1, Math.ceil(share * this.count));
      return lengths.find(([, count]) => (left -= count) <= 0)?.[0] ?? 0;
    };
    return { min: quantile(0), median: quantile(0.5), p90: quantile(0.9), max: quantile(1) };
  }

  /** At most `maxBins` ranges up to the greatest length, of a width that is 1, 2 or 5 times a power of ten. */
  histogram(maxBins: number): LengthHistogram {
    const { max } = this.statistics();
    const width = roundWidth(max / maxBins);
    const counts = Array.from({ length: Math.ceil(max / width) }, () => 0);
    for (const [length, count] of this.counts) {
      const bin = Math.max(0, Math.ceil(length / width) - 1);
      if (bin < counts.length) counts[bin]! += count;
    }
    return { width, counts };
  }
}

function roundWidth(least: number): number {
  for (let power = 1; ; power *= 10) {
    for (const factor of [1, 2, 5]) if (factor * power >= least) return factor * power;
  }
}
