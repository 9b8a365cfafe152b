/** Blocks of tokens as inputs of a step: the shapes, and the numbers of a batch. */
import type { Batch } from '#data/batch.js';
import type { ProgramSpec } from '#jit/trace.js';
import type { NumericArray } from '#runtime/numeric-array.js';
import type { StepShape } from '#training/step-shape.js';

/** Rows that the loss head works on: all rows, rounded up to whole chunks. */
export function lossRowCount({ batch, length, chunkSize }: StepShape): number {
  return Math.ceil((batch * length) / chunkSize) * chunkSize;
}

/** What a micro-batch is to the step functions. */
export function tokenSpec(shape: StepShape): ProgramSpec['data'] {
  const rows = shape.batch * shape.length;
  const lossRows = lossRowCount(shape);
  return {
    tokens: { shape: [rows], dtype: 'int32' },
    positions: { shape: [rows], dtype: 'int32' },
    segments: { shape: [shape.batch, shape.length], dtype: 'int32' },
    lossRows: { shape: [lossRows], dtype: 'int32' },
    lossSlots: { shape: [rows], dtype: 'int32' },
    targets: { shape: [lossRows], dtype: 'int32' },
    lossWeights: { shape: [lossRows], dtype: 'float32' },
    chunks: { shape: [], dtype: 'int32' },
  };
}

/**
 * The data inputs of a micro-batch. Every target weighs `1 / lossCount`, where lossCount counts the targets of the
 * whole step, so that accumulated micro-batches add up to the mean over all targets.
 */
export function tokenInputs(batch: Batch, shape: StepShape, lossCount: number): Record<string, NumericArray> {
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
