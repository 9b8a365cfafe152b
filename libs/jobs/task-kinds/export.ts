/** An adapter merged into its base model. */
import { z } from 'zod';
import { exportMerged } from '#adapters/export-merged.js';
import { type TaskKind, taskInput } from '#jobs/task-kinds/task-kind.js';

const input = taskInput.extend({
  dtype: z.enum(['f16', 'bf16', 'f32']),
  max_shard_bytes: z.int(),
});

export const mergedExport: TaskKind<z.infer<typeof input>, null> = {
  name: 'export',
  input,
  result: z.null(),
  needsBase: true,

  async run({ input: { dtype, max_shard_bytes: maxShardBytes }, members, baseFolder, output, onProgress }) {
    await exportMerged(baseFolder, members, output, {
      dtype,
      maxShardBytes,
      onProgress: ({ doneBytes: done, totalBytes: total }) => onProgress({ stage: 'write', done, total }),
    });
    return null;
  },

  outcome: ({ files }) => ({ files }),
};
