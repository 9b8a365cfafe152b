/** Objects as files, which appear whole or not at all. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomically, writeFlushed, writeFolderAtomically } from '#base/atomic-file.js';
import { LowrankError } from '#base/errors.js';
import { isPlainName } from '#base/plain-path.js';
import type { ManifestFile } from '#platform/database/entities/checkpoint.js';
import type { ObjectStore } from '#platform/objects/object-store.js';
import { type CheckedFile, verifiedContent } from '#platform/objects/verified-content.js';

/**
 * Writes an object as a file. Throws LowrankError `object_corrupt` if its content is not what was stored, `disk_full`,
 * the errors of the store, and the signal's reason.
 */
export async function downloadFile(
  objects: ObjectStore,
  object: CheckedFile,
  file: string,
  signal: AbortSignal,
): Promise<void> {
  await aborting(signal, async () =>
    writeFileAtomically(file, await verifiedContent(objects, object, signal)),
  );
}

/**
 * Writes the files of a manifest as a folder, in place of one that is there. Throws as `downloadFile`, and `folder_exists` if another
 * process makes it meanwhile.
 */
export async function downloadFolder(
  objects: ObjectStore,
  files: readonly ManifestFile[],
  folder: string,
  signal: AbortSignal,
): Promise<void> {
  await aborting(signal, async () => {
    await rm(folder, { recursive: true, force: true });
    await writeFolderAtomically(folder, async (temporary) => {
      for (const file of files) {
        if (!isPlainName(file.path)) {
          throw new LowrankError('object_corrupt', `a manifest names the file ${JSON.stringify(file.path)}`);
        }
        const content = await verifiedContent(objects, file, signal);
        await writeFlushed(join(temporary, file.path), content);
      }
    });
  });
}

/** Streams tell of an abort with an error of their own. */
async function aborting<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  signal.throwIfAborted();
  try {
    return await work();
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  }
}
