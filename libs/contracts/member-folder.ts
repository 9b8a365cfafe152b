/** An adapter that lies on this machine, as processes tell each other of it. */
import { z } from 'zod';

export const memberFolder = z.object({
  /** Its id; messages call it that. */
  name: z.string(),
  folder: z.string(),
  /** Of its files: members with the same one are the same. */
  digest: z.string(),
  weight: z.number(),
  /** Digest of its base model. */
  base: z.string(),
});
export type MemberFolder = Readonly<z.infer<typeof memberFolder>>;
