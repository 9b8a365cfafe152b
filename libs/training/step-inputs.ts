/** From batches of tokens to the inputs of the step functions. */
import type { Batch } from '#data/batch.js';
import type { NumericArray } from '#runtime/numeric-array.js';
import { lossRowCount, type StepShape } from '#training/step-shape.js';

/**
 * The data inputs of a micro-batch. Every target weighs `1 / lossCount`, where lossCount counts the targets of the
 * whole step, so that accumulated micro-batches add up to the mean over all targets.
 */
export function stepInputs(batch: Batch, shape: StepShape, lossCount: number): Record<string, NumericArray> {
  const rows = lossRowCount(shape);
  const count = batch.lossCount;
  const lossRows = new Int32Array(rows);
  lossRows.set(batch.lossRows);
  const targets = new Int32Array(rows);
  targets.set(batch.lossTargets);
  // A row without a target points to the first place that no target uses: its gradient is zero.
  const lossSlots = new Int32Array(shape.batch * shape.length).fill(Math.min(count, rows - 1));
  batch.lossRows.forEach((row, slot) => (lossSlots[row] = slot));
  return {
    tokens: batch.tokens,
    positions: batch.positions,
    segments: batch.segments,
    lossRows,
    lossSlots,
    targets,
    lossWeights: new Float32Array(rows).fill(1 / Math.max(1, lossCount), 0, count),
    chunks: Int32Array.of(Math.ceil(count / shape.chunkSize)),
  };
}
