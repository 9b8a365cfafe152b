/** As many points of a curve as a screen can show: the picture is that of all points. */
import type { StepTable } from './step-table.js';

/** Points of one line, in the order of their steps. */
export interface DrawnPoints {
  readonly steps: number[];
  readonly values: number[];
  /** Whether there are the least and the greatest of each column of pixels only. */
  readonly isDense: boolean;
}

export interface Window {
  readonly min: number;
  readonly max: number;
  /** Columns of pixels from min to max. */
  readonly pixels: number;
}

const pointsInColumn = 2;

/**
 * The points between min and max and one more on each side, so that lines leave the picture. Where there are more than
 * two for each column of pixels, a column has its least and its greatest: every spike stays in sight.
 */
export function drawnPoints(
  table: StepTable,
  values: Float64Array,
  { min, max, pixels }: Window,
): DrawnPoints {
  const { steps } = table;
  const from = Math.max(0, table.rowFrom(min) - 1);
  const to = Math.min(table.length, table.rowFrom(max) + 2);
  const isDense = to - from > pointsInColumn * pixels;
  const taken: DrawnPoints = { steps: [], values: [], isDense };
  const take = (row: number) => {
    taken.steps.push(steps[row]!);
    taken.values.push(values[row]!);
  };
  if (!isDense) {
    for (let row = from; row < to; row++) if (!Number.isNaN(values[row])) take(row);
    return taken;
  }
  // Columns begin at multiples of their width: a picture that is moved keeps its points.
  const width = (max - min) / pixels;
  let [least, greatest] = [-1, -1];
  const close = () => {
    if (least < 0) return;
    take(Math.min(least, greatest));
    if (least !== greatest) take(Math.max(least, greatest));
    least = greatest = -1;
  };
  let column = NaN;
  for (let row = from; row < to; row++) {
    const value = values[row]!;
    if (Number.isNaN(value)) continue;
    const own = Math.floor(steps[row]! / width);
    if (own !== column) close();
    column = own;
    if (least < 0) least = greatest = row;
    if (value < values[least]!) least = row;
    if (value > values[greatest]!) greatest = row;
  }
  close();
  return taken;
}

/** Lines of points as one table: the steps of all, and for each line its value there or null. */
export function joined(
  lines: readonly Pick<DrawnPoints, 'steps' | 'values'>[],
): [number[], ...(number | null)[][]] {
  const steps: number[] = [];
  const columns: (number | null)[][] = lines.map(() => []);
  const at = lines.map(() => 0);
  for (;;) {
    let step = Infinity;
    for (let i = 0; i < lines.length; i++) step = Math.min(step, lines[i]!.steps[at[i]!] ?? Infinity);
    if (step === Infinity) return [steps, ...columns];
    steps.push(step);
    for (let i = 0; i < lines.length; i++) {
      const isHere = lines[i]!.steps[at[i]!] === step;
      columns[i]!.push(isHere ? lines[i]!.values[at[i]!]! : null);
      if (isHere) at[i]!++;
    }
  }
}
