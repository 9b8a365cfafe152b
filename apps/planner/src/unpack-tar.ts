/** Reads tar archives, gzipped or not. */
import { createReadStream, type ReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { Readable, Transform } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { Parser, type ReadEntry } from 'tar';
import { type EntryGate, maxRatio, refusal, tooPacked } from './entry-gate.js';

const maxMetaBytes = 64 * 1024;
const gzipStart = 0x1f8b;

/** Hands every entry to the gate; throws what it throws, and an error for what is no whole archive. */
export async function unpackTar(file: string, gate: EntryGate): Promise<void> {
  const reader = new TarReader(file, gate, await isPacked(file));
  try {
    await reader.ended;
  } finally {
    await reader.close();
  }
}

async function isPacked(file: string): Promise<boolean> {
  const handle = await open(file);
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(2), 0, 2, 0);
    return bytesRead === 2 && buffer.readUInt16BE() === gzipStart;
  } finally {
    await handle.close();
  }
}

class TarReader {
  /** Resolves when every entry was read and written; rejects with the first thing that went wrong. */
  readonly ended: Promise<void>;
  private readonly source: ReadStream;
  private readonly unpacking: Readable[] = [];
  private readonly contents: Readable[] = [];
  private readonly writes: Promise<void>[] = [];
  private fail!: (error: unknown) => void;
  private hasFailed = false;

  constructor(
    file: string,
    private readonly gate: EntryGate,
    isPacked: boolean,
  ) {
    this.source = createReadStream(file);
    const parser = new Parser({
      strict: true,
      maxMetaEntrySize: maxMetaBytes,
      zstd: false,
      onReadEntry: (entry) => this.take(entry),
    });
    this.ended = new Promise((resolve, reject) => {
      this.fail = (error) => {
        this.hasFailed = true;
        reject(error);
      };
      this.source.on('error', this.fail);
      parser.on('error', this.fail);
      // Every entry is to be judged, also those that the parser would pass over by itself.
      parser.on('ignoredEntry', (entry: ReadEntry) => this.take(entry));
      // The last entries come after the last bytes of the archive.
      parser.on('end', () => void Promise.all(this.writes).then(() => resolve(), this.fail));
    });
    const archive = isPacked ? this.unpacked() : this.source;
    // The parser would put what comes after the archive's end together, and copy all of it for each piece.
    parser.on('eof', () => {
      archive.unpipe(parser);
      this.source.destroy();
      parser.end();
    });
    archive.pipe(parser);
  }

  /** Stops reading; resolves when nothing more is written. */
  async close(): Promise<void> {
    for (const stream of [this.source, ...this.unpacking, ...this.contents]) stream.destroy();
    await Promise.allSettled(this.writes);
  }

  /** Unpacked piece by piece, as it is asked for: the parser by itself unpacks all that a piece of the file holds at once. */
  private unpacked(): Readable {
    const gunzip = createGunzip();
    const meter = ratioMeter(this.source);
    this.unpacking.push(gunzip, meter);
    for (const stream of this.unpacking) stream.on('error', this.fail);
    return this.source.pipe(gunzip).pipe(meter);
  }

  private take(entry: ReadEntry): void {
    try {
      const write = this.hasFailed ? undefined : this.gate(factsOf(entry));
      if (!write) {
        entry.resume();
        return;
      }
      const content = Readable.from(entry as AsyncIterable<Buffer>, { objectMode: false });
      this.contents.push(content);
      const written = write(content);
      written.catch(this.fail);
      this.writes.push(written);
    } catch (error) {
      this.fail(error);
      entry.resume();
    }
  }
}

/** Hands on what was unpacked of a file, unless it becomes far too much, or was packed twice. */
function ratioMeter(source: ReadStream): Transform {
  let bytes = 0;
  return new Transform({
    transform(piece: Buffer, _, done) {
      if (bytes === 0 && piece[0] === gzipStart >> 8) {
        done(refusal('the archive is packed twice: pack it once'));
        return;
      }
      bytes += piece.length;
      if (bytes <= maxRatio * source.bytesRead) done(null, piece);
      else done(tooPacked());
    },
  });
}

function factsOf({ path, type, size }: ReadEntry) {
  const isFile = type === 'File' || type === 'OldFile' || type === 'ContiguousFile';
  const kind = isFile ? 'file' : type === 'Directory' ? 'folder' : 'other';
  return { path, kind, bytes: size } as const;
}
