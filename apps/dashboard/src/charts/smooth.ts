/** Smoothed curves that grow with their table. */
import type { StepTable } from './step-table.js';

/** Exponential mean of a column with a weight from 0 to below 1, corrected for its beginning; gaps stay gaps. */
export class SmoothedColumn {
  private values = new Float64Array(0);
  private done = 0;
  private revision = 0;
  private mean = 0;
  private share = 1;

  constructor(
    private readonly table: StepTable,
    private readonly name: string,
    private readonly weight: number,
  ) {}

  /** The smoothed column, as long as the table; only rows that are new are computed. */
  read(): Float64Array {
    const { table, weight } = this;
    if (this.revision !== table.revision) {
      [this.done, this.mean, this.share] = [0, 0, 1];
      this.revision = table.revision;
    }
    const source = table.column(this.name);
    if (this.values.length < source.length) {
      const longer = new Float64Array(source.length);
      longer.set(this.values);
      this.values = longer;
    }
    for (; this.done < table.length; this.done++) {
      const value = source[this.done]!;
      if (Number.isNaN(value)) {
        this.values[this.done] = NaN;
        continue;
      }
      this.mean = weight * this.mean + (1 - weight) * value;
      this.share *= weight;
      this.values[this.done] = this.mean / (1 - this.share);
    }
    return this.values;
  }
}
