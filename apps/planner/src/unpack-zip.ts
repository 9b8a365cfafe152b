/** Reads zip archives. */
import type { Readable } from 'node:stream';
import yauzl from 'yauzl';
import { type EntryFacts, type EntryGate, maxRatio, tooPacked } from './entry-gate.js';

const fileTypeMask = 0o170_000;
const regularFile = 0o100_000;
const folder = 0o040_000;

/** Hands every entry to the gate; throws what it throws, and yauzl's errors for what is no sound archive. */
export async function unpackZip(file: string, gate: EntryGate): Promise<void> {
  const zip = await openZip(file);
  try {
    await new Promise<void>((resolve, reject) => {
      zip.on('error', reject);
      zip.on('end', resolve);
      zip.on('entry', (entry: yauzl.Entry) => {
        take(zip, entry, gate).then(() => zip.readEntry(), reject);
      });
      zip.readEntry();
    });
  } finally {
    zip.close();
  }
}

function openZip(file: string): Promise<yauzl.ZipFile> {
  return new Promise((resolve, reject) => {
    // Sizes are checked by yauzl against what is really there.
    yauzl.open(file, { lazyEntries: true, autoClose: false, validateEntrySizes: true }, (error, zip) => {
      if (error) reject(error);
      else resolve(zip);
    });
  });
}

async function take(zip: yauzl.ZipFile, entry: yauzl.Entry, gate: EntryGate): Promise<void> {
  if ((entry.generalPurposeBitFlag & 1) !== 0) throw new Error('it is encrypted');
  const write = gate(factsOf(entry));
  if (!write) return;
  // Both sizes are as declared; yauzl holds what comes to them.
  if (entry.uncompressedSize > maxRatio * entry.compressedSize) throw tooPacked();
  const content = await new Promise<Readable>((resolve, reject) => {
    zip.openReadStream(entry, (error, stream) => {
      if (error) reject(error);
      else resolve(stream);
    });
  });
  await write(content);
}

function factsOf({ fileName, uncompressedSize, externalFileAttributes }: yauzl.Entry): EntryFacts {
  // Unix keeps the type of a file in the upper half; 0 where another system made the archive.
  const type = (externalFileAttributes >>> 16) & fileTypeMask;
  const isFolder = fileName.endsWith('/');
  const isOther = type !== 0 && type !== regularFile && !(isFolder && type === folder);
  return { path: fileName, kind: isOther ? 'other' : isFolder ? 'folder' : 'file', bytes: uncompressedSize };
}
