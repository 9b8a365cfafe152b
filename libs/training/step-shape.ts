/** Shapes of the step functions' inputs; plain numbers, no tensors. */

/** Shape of one micro-batch: B blocks of L tokens, and the rows of one chunk of the loss head. */
export interface StepShape {
  readonly batch: number;
  readonly length: number;
  readonly chunkSize: number;
}

/** Rows that the loss head works on: all rows, rounded up to whole chunks. */
export function lossRowCount({ batch, length, chunkSize }: StepShape): number {
  return Math.ceil((batch * length) / chunkSize) * chunkSize;
}
