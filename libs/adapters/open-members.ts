/** Members of a composition in folders. */
import type { CompositionMember } from '#adapters/composition-members.js';
import { openAdapter } from '#adapters/read-adapter.js';

interface ListedFolder {
  /** What messages call the member. */
  readonly name: string;
  readonly folder: string;
  readonly weight: number;
  /** Digest of its base model. */
  readonly base: string;
}

/** Throws what `openAdapter` throws. */
export async function openMembers(
  listed: readonly ListedFolder[],
  options?: Parameters<typeof openAdapter>[1],
): Promise<CompositionMember[]> {
  return Promise.all(
    listed.map(async ({ name, folder, weight, base }) => ({
      adapter: { ...(await openAdapter(folder, options)), name },
      weight,
      base,
    })),
  );
}
