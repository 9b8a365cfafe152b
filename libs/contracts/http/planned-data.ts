import type { PlannedData } from '#contracts/http/plans.js';
import type { DataMeasure, ShownExample } from '#training/measure-head.js';

/** What a model makes of a data file, as plans and `lowrank data` tell it. */
export function viewPlannedData(measure: DataMeasure, shown: readonly ShownExample[]): PlannedData {
  return {
    format: measure.format,
    kind: measure.kind,
    examples: measure.examples,
    tokens: measure.tokens,
    trained_tokens: measure.trainedTokens,
    blocks: measure.blocks,
    block_length: measure.blockLength,
    truncated_examples: measure.truncatedExamples,
    dropped_examples: measure.droppedExamples,
    estimated: measure.estimated,
    example: [...(shown[0]?.pieces ?? [])],
    shown_examples: shown.map(({ line, tokens, shownTokens, label = null, pieces }) => ({
      line,
      tokens,
      shown_tokens: shownTokens,
      label,
      pieces: [...pieces],
    })),
    lengths: { ...measure.lengths, counts: [...measure.lengths.counts] },
  };
}
