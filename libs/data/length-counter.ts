/** Exact statistics of lengths in memory that grows with the number of different lengths only. */

/** Lengths in tokens; all 0 if there are none. `p90` is the least length that 90% do not exceed. */
export interface LengthStatistics {
  readonly min: number;
  readonly median: number;
  readonly p90: number;
  readonly max: number;
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
}
