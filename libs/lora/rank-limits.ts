/** Ranks that layers cannot have. */
import { LowrankError } from '#base/errors.js';
import type { TargetModule } from '#lora/target-module.js';

type RankedLayer = Pick<TargetModule, 'path' | 'r' | 'inFeatures' | 'outFeatures'>;

/** Throws LowrankError `rank_too_large` with every layer whose smaller side is below its rank. */
export function checkRanks(layers: readonly RankedLayer[]): void {
  const sideOf = ({ inFeatures, outFeatures }: RankedLayer) => Math.min(inFeatures, outFeatures);
  const tooSmall = layers.filter((layer) => layer.r > sideOf(layer));
  if (tooSmall.length === 0) return;
  const shown = tooSmall
    .slice(0, 5)
    .map(({ path, r, inFeatures, outFeatures }) => `${path} [${outFeatures}, ${inFeatures}] with r ${r}`);
  const more = tooSmall.length > 5 ? ` and ${tooSmall.length - 5} more` : '';
  const largest = Math.min(...tooSmall.map(sideOf));
  throw new LowrankError(
    'rank_too_large',
    `the rank exceeds the smaller side of the layer at ${shown.join(', ')}${more}: use r of at most ${largest} there`,
    { details: { modules: tooSmall.map(({ path }) => path), largest } },
  );
}

/** Throws LowrankError `rank_not_divisible` for a rank that the groups of a convolution cannot share. */
export function checkGroups({ path, r }: Pick<TargetModule, 'path' | 'r'>, groups: number): void {
  if (r % groups === 0) return;
  throw new LowrankError(
    'rank_not_divisible',
    `the rank ${r} cannot be cut into the ${groups} groups of the convolution at ${path}: use a multiple of ${groups}`,
    { details: { module: path, r, groups } },
  );
}
