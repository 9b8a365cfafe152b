/** How much a job computes, counted from its shapes. */
import type { AttentionShape } from '#nn/decoder-pass.js';

export interface WorkShape {
  readonly hiddenSize: number;
  readonly vocabSize: number;
  readonly tieWordEmbeddings: boolean;
  /** Of every layer that has one. */
  readonly attentions: readonly Pick<AttentionShape, 'heads' | 'headDim'>[];
  readonly parameterCount: number;
  readonly trainableParameters: number;
  readonly blockLength: number;
  /** Blocks in a micro-batch. */
  readonly batchSize: number;
  /** Micro-batches in a step. */
  readonly accumulation: number;
}

/** Floating-point operations, multiplications and additions apart. */
export interface Work {
  readonly step: number;
  /** Of one pass over one batch without gradients. */
  readonly evaluationBatch: number;
}

/**
 * Operations of a step. Forward, each weight is multiplied once with each position; backward, once more for the gradient
 * to the input, and a trained weight also for its own. The scores of attention see half of the positions on average.
 */
export function countWork(shape: WorkShape): Work {
  const { attentions, blockLength, batchSize, accumulation } = shape;
  // An embedding is looked up; only as the head it is multiplied.
  const lookedUp = shape.tieWordEmbeddings ? 0 : shape.vocabSize * shape.hiddenSize;
  const weights = shape.parameterCount - lookedUp;
  const attention = attentions.reduce(
    (sum, { heads, headDim }) => sum + 2 * blockLength * heads * headDim,
    0,
  );
  const forward = 2 * (weights + shape.trainableParameters) + attention;
  const backward = 2 * weights + 4 * shape.trainableParameters + 2 * attention;
  const positions = batchSize * blockLength;
  return { step: accumulation * positions * (forward + backward), evaluationBatch: positions * forward };
}
