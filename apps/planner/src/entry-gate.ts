/** Decides which entries of an archive are taken, and where they go. */
import { createWriteStream, mkdirSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import path from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { ADAPTER_FILES } from '#adapters/adapter.js';
import { LowrankError } from '#base/errors.js';

/** What an archive tells of an entry before its content is read. */
export interface EntryFacts {
  readonly path: string;
  readonly kind: 'file' | 'folder' | 'other';
  /** As it is declared; what comes beyond is refused. */
  readonly bytes: number;
}

/** Weights hardly shrink; text shrinks some tenfold. */
export const maxRatio = 200;

/** Decides about one entry; yields where its content goes, or undefined to pass it over. */
export type EntryGate = (
  facts: EntryFacts,
) => ((content: NodeJS.ReadableStream) => Promise<void>) | undefined;

const wanted: readonly string[] = Object.values(ADAPTER_FILES);
const needed = [ADAPTER_FILES.config, ADAPTER_FILES.weights];
/** A training's folder with its repository, and far from what would keep a server busy. */
const maxEntries = 10_000;
/** Folders with a file of a wanted name; READMEs stand in many. */
const maxFolders = 100;

/**
 * The gate for one archive: the files of one adapter are written into a folder, everything else is passed over without
 * being opened. Which folder of the archive is the adapter's shows at its end.
 */
export class AdapterGate {
  /** By folder of the archive: the names that were taken from it, and the number under which they lie. */
  private readonly taken = new Map<string, { readonly number: number; readonly names: Set<string> }>();
  private hasPickle = false;
  private entries = 0;
  private bytes = 0;

  constructor(
    private readonly folder: string,
    private readonly maxBytes: number,
    private readonly signal?: AbortSignal,
  ) {}

  readonly admit: EntryGate = ({ path: name, kind, bytes }) => {
    this.signal?.throwIfAborted();
    if (++this.entries > maxEntries) throw refusal(`the archive has more than ${maxEntries} entries`);
    const shown = JSON.stringify(name.slice(0, 200));
    const parts = name.split('/').filter((part) => part !== '' && part !== '.');
    if (/[\\\0]|^[A-Za-z]:|^\//.test(name) || parts.includes('..')) {
      throw refusal(`the archive has an entry ${shown} that leads out of its folder`);
    }
    if (kind === 'other') {
      throw refusal(
        `the archive has an entry ${shown} that is no file: links and devices are not taken. Pack what a link points to (tar --dereference)`,
      );
    }
    const file = parts.at(-1) ?? '';
    this.hasPickle ||= file === 'adapter_model.bin';
    if (kind === 'folder' || !wanted.includes(file)) return undefined;
    const target = this.placeFor(parts.slice(0, -1).join('/'), file, shown);
    if (this.bytes + bytes > this.maxBytes) throw tooLarge(this.maxBytes);
    return async (content) => {
      const { signal } = this;
      try {
        await pipeline(content, this.meter(), createWriteStream(target, { flags: 'wx', mode: 0o600 }), {
          signal,
        });
      } catch (error) {
        // A pipeline throws an error of its own in place of the reason.
        signal?.throwIfAborted();
        throw error;
      }
    };
  };

  /** Puts the files of the adapter into the folder itself; throws LowrankError if the archive has none or several. */
  async finish(): Promise<void> {
    // A trainer's folder has its result at the top and checkpoints below.
    const folders = [...this.taken].toSorted(([a], [b]) => depth(a) - depth(b));
    const all = folders.filter(([, { names }]) => names.has(ADAPTER_FILES.config));
    const adapters = all.filter(([name]) => depth(name) === depth(all[0]![0]));
    if (adapters.length > 1) {
      const list = adapters.map(([name]) => JSON.stringify(name.slice(0, 100))).slice(0, 5);
      throw refusal(`the archive has several adapters, in ${list.join(', ')}: send one`);
    }
    const [adapter = folders[0]] = adapters;
    for (const name of needed) {
      if (adapter?.[1].names.has(name)) continue;
      if (name === ADAPTER_FILES.weights && this.hasPickle) {
        throw refusal(
          `the archive has its weights only as adapter_model.bin: pickle files can run code when they are opened, so they are not. Load it with PEFT where you trust it and save it again, which writes ${name}`,
        );
      }
      throw refusal(
        `the archive has no ${name}: send the folder that PEFT's save_pretrained wrote, or a file of kohya's form by itself, not packed`,
      );
    }
    for (const name of adapter![1].names) {
      await rename(path.join(this.numbered(adapter![1].number), name), path.join(this.folder, name));
    }
  }

  private placeFor(folder: string, file: string, shown: string): string {
    const { number, names } = this.taken.get(folder) ?? { number: this.taken.size, names: new Set<string>() };
    if (number >= maxFolders)
      throw refusal(`the archive has more than ${maxFolders} folders with files of adapters`);
    if (names.has(file)) throw refusal(`the archive has ${shown} twice`);
    names.add(file);
    this.taken.set(folder, { number, names });
    // At once: an entry's content comes, and may fail, as soon as it is asked for.
    mkdirSync(this.numbered(number), { recursive: true });
    return path.join(this.numbered(number), file);
  }

  /** Names of the archive never become names on the disk. */
  private numbered(number: number): string {
    return path.join(`${this.folder}.entries`, String(number));
  }

  /** Counts what really comes: an archive may declare less. */
  private meter(): Transform {
    const isOver = (length: number) => (this.bytes += length) > this.maxBytes;
    const { maxBytes } = this;
    return new Transform({
      transform(chunk: Buffer, _, done) {
        if (isOver(chunk.length)) done(tooLarge(maxBytes));
        else done(null, chunk);
      },
    });
  }
}

const depth = (folder: string): number => (folder === '' ? 0 : folder.split('/').length);

function tooLarge(maxBytes: number): LowrankError {
  return refusal(`the archive holds more than ${maxBytes} bytes when it is unpacked`);
}

export function tooPacked(): LowrankError {
  return refusal(`the archive unpacks to more than ${maxRatio} times its size`);
}

export function refusal(message: string, cause?: unknown): LowrankError {
  return new LowrankError('archive_refused', message, { details: { field: 'file' }, cause });
}
