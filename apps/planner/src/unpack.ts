/** Takes the files of an adapter out of an archive that somebody sent, and nothing else. */
import { open } from 'node:fs/promises';
import { LowrankError } from '#base/errors.js';
import { AdapterGate, refusal } from './entry-gate.js';
import { unpackTar } from './unpack-tar.js';
import { unpackZip } from './unpack-zip.js';

/**
 * Unpacks a .tar, .tar.gz or .zip into a folder: adapter_config.json, adapter_model.safetensors and README.md, from
 * whichever folder of the archive has them. Names come from that list, never from the archive; other files are passed
 * over and never opened.
 *
 * Throws LowrankError `archive_refused` for an archive with none or several adapters, paths that lead out, links, too many entries and
 * content that is larger than `maxBytes` or 200 times the archive when it is unpacked. Throws the signal's reason.
 */
export async function unpackAdapter(
  archive: string,
  folder: string,
  maxBytes: number,
  signal?: AbortSignal,
): Promise<void> {
  const gate = new AdapterGate(folder, maxBytes, signal);
  const unpack = (await isZip(archive)) ? unpackZip : unpackTar;
  try {
    await unpack(archive, gate.admit);
  } catch (cause) {
    signal?.throwIfAborted();
    if (cause instanceof LowrankError) throw cause;
    const { code, syscall } = cause as NodeJS.ErrnoException;
    if (syscall !== undefined && code !== undefined && code !== 'ENOENT') throw cause;
    throw refusal(
      `the archive cannot be read: ${(cause as Error).message}; send a .tar, .tar.gz or .zip`,
      cause,
    );
  }
  await gate.finish();
}

async function isZip(file: string): Promise<boolean> {
  const handle = await open(file);
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(4), 0, 4, 0);
    return bytesRead === 4 && buffer.readUInt32BE() === 0x504b0304;
  } finally {
    await handle.close();
  }
}
