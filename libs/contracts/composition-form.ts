/** What becomes of the sum of a composition's members. */
import { z } from 'zod';

export const compositionForm = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('stacked') }),
  z.object({ kind: z.literal('rank'), rank: z.int() }),
  z.object({ kind: z.literal('energy'), energy: z.number() }),
]);
