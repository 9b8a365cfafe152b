/** An adapter as one tar: the same bytes whenever and wherever it is made. */
import { Readable } from 'node:stream';
import { Header } from 'tar';
import type { ManifestFile } from '#platform/database/entities/checkpoint.js';
import type { ObjectStore } from '#platform/objects/object-store.js';
import { verifiedContent } from '../http/verified-content.js';

const blockBytes = 512;
/** Two empty blocks end an archive. */
const endBytes = 2 * blockBytes;

export interface Archive {
  readonly bytes: number;
  readonly content: Readable;
}

/** The files in the order of their names, in a folder; owner, mode and time are fixed. */
export function adapterArchive(
  objects: ObjectStore,
  folder: string,
  files: readonly ManifestFile[],
): Archive {
  const sorted = files.toSorted((a, b) => (a.path < b.path ? -1 : 1));
  const bytes = sorted.reduce((sum, file) => sum + blockBytes + padded(file.bytes), endBytes);
  return { bytes, content: Readable.from(blocks(objects, folder, sorted), { objectMode: false }) };
}

async function* blocks(
  objects: ObjectStore,
  folder: string,
  files: readonly ManifestFile[],
): AsyncGenerator<Buffer> {
  for (const file of files) {
    yield header(`${folder}/${file.path}`, file.bytes);
    yield* (await verifiedContent(objects, file)) as AsyncIterable<Buffer>;
    const padding = padded(file.bytes) - file.bytes;
    if (padding > 0) yield Buffer.alloc(padding);
  }
  yield Buffer.alloc(endBytes);
}

function header(path: string, size: number): Buffer {
  const block = Buffer.alloc(blockBytes);
  const entry = new Header({ path, size, mode: 0o644, uid: 0, gid: 0, type: 'File', mtime: new Date(0) });
  if (entry.encode(block)) throw new Error(`${path} does not fit into the header of a tar entry`);
  return block;
}

function padded(bytes: number): number {
  return Math.ceil(bytes / blockBytes) * blockBytes;
}
