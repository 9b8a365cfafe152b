/** Which programs load an adapter as it is, why others do not, and the export that would do for them. */
import { z } from 'zod';

export const runsOnVerdicts = z
  .array(
    z.object({
      program: z.string(),
      runs: z.boolean(),
      /** Why not, or what it needs. */
      reason: z.string().nullable(),
      /** The `format` of an export that would do. */
      export: z.string().nullable(),
    }),
  )
  .default([]);
export type RunsOnVerdicts = z.infer<typeof runsOnVerdicts>;
