/** Shape of one micro-batch: B blocks of L tokens, and the rows of one chunk of the loss head. */
export interface StepShape {
  readonly batch: number;
  readonly length: number;
  readonly chunkSize: number;
}
