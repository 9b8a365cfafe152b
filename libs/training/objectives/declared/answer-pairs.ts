/** What the objectives that learn from pairs of answers have in common. Read in browsers too: imports types only. */
import type { ObjectiveDeclaration } from '#training/objectives/declared/declaration.js';

/** Fewer tokens have hardly a prompt and two answers. */
const tokensPerPair = 16;

/** Pairs that a block of a length may hold. */
export function pairsPerBlock(blockLength: number): number {
  return Math.max(1, Math.floor(blockLength / tokensPerPair));
}

/** The rows are those of DPO for all of them, and so are the blocks that are prepared of them. */
export const pairRows = {
  kinds: ['preference'],
  key: 'dpo',
  examplesPerBlock: pairsPerBlock,
} as const satisfies ObjectiveDeclaration['rows'];

/** Two lines of a chart of the steps. */
export const chosenAndRejected = (metric: string) =>
  [
    { label: 'chosen', metric: `${metric}_chosen`, of: 'step' },
    { label: 'rejected', metric: `${metric}_rejected`, of: 'step' },
  ] as const;
/** A metric of the steps, and of the evaluations. */
export const inBoth = (metric: string) =>
  [
    { label: 'training', metric, of: 'step' },
    { label: 'validation', metric, of: 'evaluation' },
  ] as const;
