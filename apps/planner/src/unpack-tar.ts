/** Reads tar archives, gzipped or not. */
import { createReadStream, type ReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import { Parser, type ReadEntry } from 'tar';
import type { EntryGate } from './entry-gate.js';

const maxMetaBytes = 64 * 1024;
/** Weights hardly shrink; text shrinks some tenfold. */
const maxRatio = 200;

/** Hands every entry to the gate; throws what it throws, and an error for what is no whole archive. */
export async function unpackTar(file: string, gate: EntryGate): Promise<void> {
  const reader = new TarReader(file, gate);
  try {
    await reader.ended;
  } finally {
    await reader.close();
  }
}

class TarReader {
  /** Resolves when every entry was read and written; rejects with the first thing that went wrong. */
  readonly ended: Promise<void>;
  private readonly source: ReadStream;
  private readonly contents: Readable[] = [];
  private readonly writes: Promise<void>[] = [];
  private fail!: (error: unknown) => void;
  private hasFailed = false;

  constructor(
    file: string,
    private readonly gate: EntryGate,
  ) {
    this.source = createReadStream(file);
    const parser = new Parser({
      strict: true,
      maxMetaEntrySize: maxMetaBytes,
      maxDecompressionRatio: maxRatio,
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
    this.source.pipe(parser);
  }

  /** Stops reading; resolves when nothing more is written. */
  async close(): Promise<void> {
    this.source.destroy();
    for (const content of this.contents) content.destroy();
    await Promise.allSettled(this.writes);
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

function factsOf({ path, type, size }: ReadEntry) {
  const isFile = type === 'File' || type === 'OldFile' || type === 'ContiguousFile';
  const kind = isFile ? 'file' : type === 'Directory' ? 'folder' : 'other';
  return { path, kind, bytes: size } as const;
}
