/** An adapter as one tar: the same bytes whenever and wherever it is made. */
import { Header } from 'tar';
import type { ManifestFile } from '#platform/database/entities/checkpoint.js';
import { attachment } from '../http/attachment.js';
import type { Piece, ServedFile } from '../http/downloads.js';

const blockBytes = 512;
/** Two empty blocks end an archive. */
const endBytes = 2 * blockBytes;

/** The files in the order of their names, in a folder `id`; owner, mode and time are fixed. */
export function adapterArchive(
  id: string,
  { files, createdAt }: { readonly files: readonly ManifestFile[]; readonly createdAt: Date },
): ServedFile {
  const sorted = files.toSorted((a, b) => (a.path < b.path ? -1 : 1));
  return {
    pieces: [...sorted.flatMap((file) => entry(id, file)), Buffer.alloc(endBytes)],
    modifiedAt: createdAt,
    type: 'application/x-tar',
    disposition: attachment(`${id}.tar`),
  };
}

function entry(folder: string, file: ManifestFile): Piece[] {
  const padding = (blockBytes - (file.bytes % blockBytes)) % blockBytes;
  return [header(`${folder}/${file.path}`, file.bytes), file, Buffer.alloc(padding)];
}

function header(path: string, size: number): Buffer {
  const block = Buffer.alloc(blockBytes);
  const entry = new Header({ path, size, mode: 0o644, uid: 0, gid: 0, type: 'File', mtime: new Date(0) });
  if (entry.encode(block)) throw new Error(`${path} does not fit into the header of a tar entry`);
  return block;
}
