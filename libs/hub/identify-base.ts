/** Which base model lies in a folder: its digest, read in full only when the files look changed. */
import { createHash } from 'node:crypto';
import { join, resolve } from 'node:path';
import { BaseChangedError, type HashProgress } from '#hub/model-identity.js';
import { getModel, registerModel, verifyModel } from '#hub/model-registry.js';
import { LowrankError } from '#base/errors.js';

/**
 * The digest of a model's files. What was hashed before is remembered in the cache folder by size, time and inode.
 *
 * Throws the errors of `registerModel`, and LowrankError `base_changed` if another digest is expected.
 */
export async function identifyBase(
  folder: string,
  cacheFolder: string,
  {
    expected,
    onProgress,
    signal,
  }: {
    expected: string | null;
    onProgress: (progress: HashProgress) => void;
    signal: AbortSignal;
  },
): Promise<string> {
  const registry = join(cacheFolder, 'models');
  const name = createHash('sha256').update(resolve(folder)).digest('hex').slice(0, 32);
  const identity =
    (await knownIdentity(registry, name)) ??
    (await registerModel(folder, registry, { name, replace: true, onProgress, signal })).identity;
  if (expected === null || expected === identity) return identity;
  throw new LowrankError(
    'base_changed',
    `the base model in ${folder} is ${identity}, but ${expected} was asked for: restore its files, or register it again and begin anew`,
    { details: { folder, expected, identity } },
  );
}

async function knownIdentity(registry: string, name: string): Promise<string | undefined> {
  try {
    return (await verifyModel(await getModel(registry, name))).identity;
  } catch (error) {
    const isStale =
      error instanceof BaseChangedError ||
      (error instanceof LowrankError && ['model_not_registered', 'registry_corrupt'].includes(error.code));
    if (!isStale) throw error;
    return undefined;
  }
}
