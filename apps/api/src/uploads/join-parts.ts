/** The parts of an upload as one file. */
import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import type { UploadPart } from '#platform/database/entities/upload-part.js';
import type { ObjectStore } from '#platform/objects/object-store.js';
import { verifiedContent } from '#platform/objects/verified-content.js';

/**
 * Writes parts behind each other into a new file, a piece at a time. Yields the MD5 of all, hexadecimal. Throws the errors of the
 * store, those of the disk and the signal's reason.
 */
export async function joinParts(
  objects: ObjectStore,
  parts: readonly UploadPart[],
  path: string,
  signal: AbortSignal,
): Promise<string> {
  const md5 = createHash('md5');
  const content = async function* () {
    for (const { objectKey: key, bytes, sha256 } of parts) {
      const part = await verifiedContent(objects, { key, bytes, sha256 }, signal);
      for await (const piece of part as AsyncIterable<Buffer>) {
        md5.update(piece);
        yield piece;
      }
    }
  };
  await pipeline(content, createWriteStream(path, { flags: 'wx', mode: 0o600 }), { signal });
  return md5.digest('hex');
}
