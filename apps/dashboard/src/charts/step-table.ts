/** Columns of numbers by step, in typed arrays that grow at their end. */

const firstCapacity = 1024;

/** Rows are in the order of their steps, one a step; NaN stands where a row has no value. */
export class StepTable {
  length = 0;
  /** Goes up when a row came between others, so that what was computed along the table is void. */
  revision = 0;
  private stepColumn = new Float64Array(firstCapacity);
  private readonly columns = new Map<string, Float64Array>();

  constructor(private readonly names: readonly string[]) {}

  /** The first `length` numbers count; the array is another one after the table has grown. */
  get steps(): Float64Array {
    return this.stepColumn;
  }

  get firstStep(): number | undefined {
    return this.length > 0 ? this.stepColumn[0] : undefined;
  }

  get lastStep(): number | undefined {
    return this.length > 0 ? this.stepColumn[this.length - 1] : undefined;
  }

  /** Columns take room from their first value on, or when they are asked for. */
  column(name: string): Float64Array {
    const known = this.columns.get(name);
    if (known) return known;
    if (!this.names.includes(name)) throw new RangeError(`There is no column ${name}.`);
    const column = new Float64Array(this.stepColumn.length).fill(NaN);
    this.columns.set(name, column);
    return column;
  }

  /** Adds a row; false if the step has one already, which stays as it is. */
  add(step: number, values: Readonly<Record<string, unknown>>): boolean {
    const row = this.rowFrom(step);
    if (row < this.length && this.stepColumn[row] === step) return false;
    if (this.length === this.stepColumn.length) this.grow();
    if (row < this.length) {
      this.revision++;
      for (const column of this.all()) column.copyWithin(row + 1, row, this.length);
    }
    this.stepColumn[row] = step;
    for (const column of this.columns.values()) column[row] = NaN;
    for (const name of this.names) {
      const value = values[name];
      if (typeof value === 'number') this.column(name)[row] = value;
    }
    this.length++;
    return true;
  }

  /** The first row whose step is not below `step`; `length` if there is none. */
  rowFrom(step: number): number {
    // Rows nearly always come at the end.
    if (this.length === 0 || step > this.stepColumn[this.length - 1]!) return this.length;
    let [low, high] = [0, this.length - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.stepColumn[middle]! < step) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The row whose step is nearest to `step`; -1 in an empty table. */
  rowNear(step: number): number {
    const row = this.rowFrom(step);
    if (row === 0) return this.length > 0 ? 0 : -1;
    if (row === this.length) return row - 1;
    return step - this.stepColumn[row - 1]! <= this.stepColumn[row]! - step ? row - 1 : row;
  }

  /** The last value of a column; NaN if it has none. */
  last(name: string): number {
    const column = this.column(name);
    for (let row = this.length - 1; row >= 0; row--) if (!Number.isNaN(column[row])) return column[row]!;
    return NaN;
  }

  private *all(): Generator<Float64Array> {
    yield this.stepColumn;
    yield* this.columns.values();
  }

  private grow(): void {
    const larger = (column: Float64Array) => {
      const grown = new Float64Array(2 * column.length);
      grown.set(column);
      return grown;
    };
    this.stepColumn = larger(this.stepColumn);
    for (const [name, column] of this.columns) this.columns.set(name, larger(column));
  }
}
