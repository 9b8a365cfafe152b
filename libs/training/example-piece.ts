/** A stretch of an example as people see it. Read in browsers too: imports zod only. */
import { z } from 'zod';

export const examplePiece = z.object({
  text: z.string(),
  /** Whether it is learned: what the model is to write, or to prefer or not. */
  trained: z.boolean(),
  /** Which of the sequences of an example it belongs to, such as `chosen`; missing where there is one only. */
  sequence: z.string().optional(),
});
