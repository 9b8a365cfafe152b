/** An adapter in another format, or merged into its base model. */
import { z } from 'zod';
import { exportDtypes, exportFormatNames } from '#adapters/exports/declared.js';
import { exportFormats } from '#adapters/exports/registry.js';
import { type TaskKind, taskInput } from '#jobs/task-kinds/task-kind.js';

const input = taskInput.extend({
  /** Rows of before there were several are merged models. */
  format: z.enum(exportFormatNames).default('merged'),
  dtype: z.enum(exportDtypes),
  /** Null for formats without shards. */
  max_shard_bytes: z.int().nullable().default(null),
});

export const adapterExport: TaskKind<z.infer<typeof input>, null> = {
  name: 'export',
  input,
  result: z.null(),
  needsBase: true,

  async run({ input: { format, dtype, max_shard_bytes }, members, baseFolder, output, onProgress }) {
    await exportFormats[format].write({
      baseFolder,
      member: members[0]!,
      output,
      dtype,
      ...(max_shard_bytes === null ? {} : { maxShardBytes: max_shard_bytes }),
      onProgress: ({ doneBytes: done, totalBytes: total }) => onProgress({ stage: 'write', done, total }),
    });
    return null;
  },

  outcome: ({ files }) => ({ files }),
};
