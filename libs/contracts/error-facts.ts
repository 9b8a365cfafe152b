/** An error as it crosses the border of a process. */
import { z } from 'zod';
import { errorCodeOf } from '#base/error-codes.js';
import type { ErrorFacts } from '#base/errors.js';

export const errorFacts = z.object({
  code: z.string().transform((text) => errorCodeOf(text)),
  message: z.string(),
  details: z.record(z.string(), z.unknown()),
}) satisfies z.ZodType<ErrorFacts>;
