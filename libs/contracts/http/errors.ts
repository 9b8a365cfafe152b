/** What every refused request is answered with: OpenAI's error object, and ours beside its fields. */
import { z } from 'zod';

/** One thing that is wrong with a request: with a field of its body, or with a line of an uploaded file. */
export const requestProblem = z.object({
  /** Path of the field, such as `training.n_epochs`, or of the field within the line; empty for all of it. */
  field: z.string(),
  /** Line of the uploaded file, counted from 1; 0 means the file as a whole. Absent for a request's own fields. */
  line: z.int().nonnegative().optional(),
  /** Stable, in snake_case; absent where the error's own code says it all. */
  code: z.string().optional(),
  /** What is wrong. */
  message: z.string(),
  /** What to write instead, where the message does not say it. */
  fix: z.string().optional(),
});
export type RequestProblem = z.infer<typeof requestProblem>;

/** The types of errors that OpenAI's clients know. */
export const errorTypes = [
  'invalid_request_error',
  'authentication_error',
  'not_found_error',
  'rate_limit_error',
  'server_error',
] as const;

export const errorBody = z
  .object({
    error: z.object({
      message: z.string(),
      type: z.enum(errorTypes),
      /** The first field that is wrong. */
      param: z.string().nullable(),
      /** Stable, in snake_case. */
      code: z.string().nullable(),
      /** Every problem that was found, where there can be several; 50 at most. */
      problems: z.array(requestProblem).optional(),
    }),
  })
  .meta({ id: 'ErrorBody' });
export type ErrorBody = z.infer<typeof errorBody>;
