/** Counts which classes inputs have and which the model says, over an evaluation. */
import type { NumericArray } from '#runtime/numeric-array.js';
import type { Tally } from '#training/objectives/objective.js';

/** More classes make a matrix that nobody looks at. */
const shownClasses = 50;

export class ClassTally implements Tally {
  /** [class of the input, likeliest class], row by row. */
  private readonly counts: Uint32Array;

  constructor(private readonly labels: readonly string[]) {
    this.counts = new Uint32Array(labels.length ** 2);
  }

  /** Adds a batch: `logits` [inputs, classes], and `labels` and `labelWeights` [inputs], of which 0 means no input. */
  add(outputs: Readonly<Record<string, NumericArray>>, data: Readonly<Record<string, NumericArray>>): void {
    const size = this.labels.length;
    const logits = outputs['logits']!;
    const weights = data['labelWeights']!;
    for (const [i, label] of data['labels']!.entries()) {
      if (weights[i] === 0) continue;
      let likeliest = 0;
      for (let c = 1; c < size; c++) if (logits[i * size + c]! > logits[i * size + likeliest]!) likeliest = c;
      this.counts[label * size + likeliest]!++;
    }
  }

  metrics() {
    const size = this.labels.length;
    const rows = Array.from({ length: size }, (_, row) => [
      ...this.counts.subarray(row * size, (row + 1) * size),
    ]);
    const confusion = { labels: [...this.labels], counts: rows };
    return {
      macro_f1: macroF1(rows),
      ...(size <= shownClasses ? { confusion_matrix: confusion } : {}),
    };
  }
}

/**
 * The mean of 2 TP / (2 TP + FP + FN) over the classes that inputs have or the model says, as scikit-learn's `f1_score` has
 * it with `average="macro"`.
 */
export function macroF1(counts: readonly (readonly number[])[]): number {
  const scores: number[] = [];
  for (const [c, row] of counts.entries()) {
    const hits = row[c]!;
    const both = row.reduce((sum, n) => sum + n, 0) + counts.reduce((sum, other) => sum + other[c]!, 0);
    if (both > 0) scores.push((2 * hits) / both);
  }
  return scores.reduce((sum, score) => sum + score, 0) / Math.max(1, scores.length);
}
