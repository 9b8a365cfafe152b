/** Next token: cross entropy over the tokens that are to be learned, as a mean over all of them. */
import { gatherRows } from '#jit/ops/gather-rows.js';
import { lossHead } from '#jit/ops/loss-head.js';
import { nextTokenDeclaration } from '#training/objectives/declared/next-token.js';
import type { Objective } from '#training/objectives/objective.js';
import { tokenInputs, tokenSpec } from '#training/objectives/token-inputs.js';
import { readBlocks, tokenCount } from '#training/training-data.js';

export const nextToken: Objective = {
  declaration: nextTokenDeclaration,
  graphKey: null,
  measures: ['loss', 'accuracy'],

  dataSpec: tokenSpec,

  forward({ decoder }, data, { chunkSize }) {
    const hidden = decoder.forward({
      tokens: data['tokens']!,
      positions: data['positions']!,
      segments: data['segments']!,
    });
    return lossHead({
      hidden: gatherRows(hidden, data['lossRows']!, data['lossSlots']!),
      head: decoder.logitsHead,
      targets: data['targets']!,
      weights: data['lossWeights']!,
      chunks: data['chunks']!,
      chunkSize,
    });
  },

  readBatch(source, indices, shape) {
    const batch = readBlocks(source, indices, shape.batch);
    return {
      count: batch.lossCount,
      tokens: tokenCount(batch),
      targets: batch.lossCount,
      inputs: (total) => tokenInputs(batch, shape, total),
    };
  },

  stepMetrics: ({ accuracy }) => ({ accuracy: accuracy! }),

  evaluationMetrics: ({ loss, accuracy }) => ({ accuracy: accuracy!, perplexity: Math.exp(loss!) }),
};
