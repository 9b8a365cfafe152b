/** Weights in int4, which are a matter of the base model alone. */
import { listed } from '#base/quote.js';
import { blockCache, openBlockBase } from '#models/block-base.js';
import { blockSize } from '#runtime/weight-schemes/block-codes.js';
import { type PrecisionWork, type RunWeights, stageOf } from '#training/base-precision/precision.js';

/** Throws the errors of `openBlockBase`. */
export async function int4Weights(work: PrecisionWork): Promise<RunWeights> {
  const { specs, digest, left } = await openBlockBase(
    work.run.base,
    4,
    work.cache(blockCache, stageOf(work, 0, 1)),
  );
  if (left.length > 0) {
    work.onEvent({
      type: 'warning',
      code: 'left_as_stored',
      message: `base_precision int4: these matrices stay as they are stored, since their rows are no whole blocks of ${blockSize} numbers: ${listed(left, 10)}`,
    });
  }
  return { specs, digest };
}
