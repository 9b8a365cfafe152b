/** What a worker asks of the process that composes and exports. */
import { z } from 'zod';
import { compositionReport } from '#contracts/composition-report.js';
import type { Methods } from '#contracts/process-calls.js';

const member = z.object({
  /** What messages call it. */
  name: z.string(),
  folder: z.string(),
  weight: z.number(),
  /** Digest of its base model. */
  base: z.string(),
});

export const compositionForm = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('stacked') }),
  z.object({ kind: z.literal('rank'), rank: z.int() }),
  z.object({ kind: z.literal('energy'), energy: z.number() }),
]);

export const bakeJob = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('composition'),
    members: z.array(member),
    form: compositionForm,
    output: z.string(),
  }),
  z.object({
    kind: z.literal('export'),
    members: z.array(member),
    base_folder: z.string(),
    dtype: z.enum(['f16', 'bf16', 'f32']),
    max_shard_bytes: z.int().optional(),
    output: z.string(),
  }),
]);
export type BakeJob = z.infer<typeof bakeJob>;

export const bakeMethods = {
  bake: {
    input: bakeJob,
    update: z.object({ stage: z.string(), done: z.number(), total: z.number() }),
    /** What a composition keeps of the exact sum. */
    result: compositionReport.nullable(),
  },
} satisfies Methods;
