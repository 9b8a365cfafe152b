/** What a worker asks of the process that runs a task. */
import { z } from 'zod';
import { memberFolder } from '#contracts/member-folder.js';
import type { Methods } from '#contracts/process-calls.js';

export const taskJob = z.object({
  /** Name of a kind, see libs/jobs/task-kinds/registry.ts. */
  kind: z.string(),
  /** As the row of the task keeps it; the kind has the schema. */
  input: z.looseObject({}),
  members: z.array(memberFolder),
  /** Null for kinds that do not read the base model. */
  base_folder: z.string().nullable(),
  /** Null in both for kinds that ask no hub. */
  hub: z
    .object({ endpoint: z.string().nullable(), token: z.string().nullable() })
    .default({ endpoint: null, token: null }),
  /** The folder that the task makes. */
  output: z.string(),
});
export type TaskJob = z.infer<typeof taskJob>;

export const taskProgress = z.object({ stage: z.string(), done: z.number(), total: z.number() });

export const taskMethods = {
  /** The result has the schema of the kind. */
  run: { input: taskJob, update: taskProgress, result: z.unknown() },
} satisfies Methods;
