/** Content of the object store, checked while it goes out. */
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import type { ManifestFile } from '#platform/database/entities/checkpoint.js';
import { LowrankError } from '#base/errors.js';
import type { ObjectStore } from '#platform/objects/object-store.js';

/**
 * The bytes of an object. The last of them are held back until all are known to be right: an object that was damaged
 * gives a broken download, never a wrong one. Those before `from` are read and checked, and not given. Throws `object_missing` before the first byte; fails with LowrankError
 * `object_corrupt` after the last.
 */
export async function verifiedContent(
  objects: ObjectStore,
  file: Pick<ManifestFile, 'key' | 'bytes' | 'sha256'>,
  from = 0,
): Promise<Readable> {
  const content = await objects.get(file.key);
  return Readable.from(verify(content, file, from), { objectMode: false });
}

async function* verify(
  content: Readable,
  { key, bytes, sha256 }: Pick<ManifestFile, 'key' | 'bytes' | 'sha256'>,
  from: number,
) {
  const hash = createHash('sha256');
  let seen = 0;
  let held: Buffer | undefined;
  for await (const chunk of content as AsyncIterable<Buffer>) {
    hash.update(chunk);
    const skipped = Math.max(0, from - seen);
    seen += chunk.length;
    if (skipped >= chunk.length) continue;
    if (held) yield held;
    held = chunk.subarray(skipped);
  }
  if (seen !== bytes || hash.digest('hex') !== sha256) {
    throw new LowrankError(
      'object_corrupt',
      `the object ${key} is not what was written: restore it from a copy`,
      {
        details: { key },
      },
    );
  }
  if (held) yield held;
}
