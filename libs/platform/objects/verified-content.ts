/** Content of the object store, checked while it is read. */
import { createHash } from 'node:crypto';
import { addAbortSignal, Readable } from 'node:stream';
import { LowrankError } from '#base/errors.js';
import type { ManifestFile } from '#platform/database/entities/checkpoint.js';
import type { ObjectStore } from '#platform/objects/object-store.js';

export type CheckedFile = Pick<ManifestFile, 'key' | 'bytes' | 'sha256'>;

/**
 * The bytes of an object. The last of them are held back until all are known to be right: an object that was damaged
 * gives a broken download, never a wrong one. Throws `object_missing` before the first byte; fails with LowrankError
 * `object_corrupt` after the last, and as soon as the signal aborts.
 */
export async function verifiedContent(
  objects: ObjectStore,
  file: CheckedFile,
  signal?: AbortSignal,
): Promise<Readable> {
  const content = await objects.get(file.key);
  const verified = Readable.from(verify(content, file), { objectMode: false });
  return signal ? addAbortSignal(signal, verified) : verified;
}

async function* verify(content: Readable, file: CheckedFile): AsyncGenerator<Buffer> {
  const hash = createHash('sha256');
  let seen = 0;
  let held: Buffer | undefined;
  for await (const chunk of content as AsyncIterable<Buffer>) {
    hash.update(chunk);
    seen += chunk.length;
    if (held) yield held;
    held = chunk;
  }
  if (seen !== file.bytes || hash.digest('hex') !== file.sha256) throw corruptObject(file);
  if (held) yield held;
}

export function corruptObject({ key }: Pick<CheckedFile, 'key'>): LowrankError {
  return new LowrankError(
    'object_corrupt',
    `the object ${key} is not what was written: restore it from a copy`,
    { details: { key } },
  );
}
