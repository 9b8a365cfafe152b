import { createHash } from 'node:crypto';
import type { AdapterSource } from '#adapters/adapter.js';

/** SHA-256 of what an adapter adds to its base model: `sha256:` and 64 hexadecimal digits. */
export type AdapterDigest = `sha256:${string}`;

/**
 * The digest of an adapter's numbers: of each layer, by path, its sizes, its scale and its float32 numbers.
 *
 * Two adapters share it exactly if their updates are the same sums of the same numbers, whatever else their files say
 * (dropout, cards, names). Throws what reading the numbers throws, and the reason of the signal.
 */
export async function adapterDigest(
  { modules, readNumbers }: Pick<AdapterSource, 'modules' | 'readNumbers'>,
  signal?: AbortSignal,
): Promise<AdapterDigest> {
  const hash = createHash('sha256');
  for (const path of [...modules.keys()].sort()) {
    signal?.throwIfAborted();
    const { r, scale, inFeatures, outFeatures, tensors } = modules.get(path)!;
    // Only what is more than the two factors is named: digests of plain LoRA are in recipes and databases.
    const others = tensors.slice(2).map(({ role }) => ` ${role}`);
    hash.update(`${path}\0${r} ${inFeatures} ${outFeatures} ${scale}${others.join('')}\n`);
    const numbers = await readNumbers(path);
    for (const { role } of tensors) {
      const { buffer, byteOffset, byteLength } = numbers[role]!;
      hash.update(new Uint8Array(buffer, byteOffset, byteLength));
    }
  }
  return `sha256:${hash.digest('hex')}`;
}
