/** Decides which entries of an archive are taken, and where they go. */
import { createWriteStream } from 'node:fs';
import path from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { ADAPTER_FILES } from '#adapters/adapter.js';
import { ApiError } from '../errors/api-error.js';

/** What an archive tells of an entry before its content is read. */
export interface EntryFacts {
  readonly path: string;
  readonly kind: 'file' | 'folder' | 'other';
  /** As it is declared; what comes beyond is refused. */
  readonly bytes: number;
}

/** Decides about one entry; yields where its content goes, or undefined to pass it over. */
export type EntryGate = (
  facts: EntryFacts,
) => ((content: NodeJS.ReadableStream) => Promise<void>) | undefined;

const wanted: readonly string[] = Object.values(ADAPTER_FILES);
const mostEntries = 64;
const pickles = /\.(bin|pt|pth|pkl|pickle|ckpt)$/i;

/** The gate for one archive: the files of one adapter go into a folder, anything else is refused. */
export class AdapterGate {
  private readonly seen = new Set<string>();
  private top: string | undefined;
  private entries = 0;
  private bytes = 0;

  constructor(
    private readonly folder: string,
    private readonly maxBytes: number,
  ) {}

  readonly admit: EntryGate = ({ path: name, kind, bytes }) => {
    if (++this.entries > mostEntries) throw refusal(`the archive has more than ${mostEntries} entries`);
    const shown = JSON.stringify(name.slice(0, 200));
    const parts = name.split('/').filter((part) => part !== '' && part !== '.');
    if (/[\\\0]|^[A-Za-z]:|^\//.test(name) || parts.includes('..')) {
      throw refusal(`the archive has an entry ${shown} that leads out of its folder`);
    }
    if (kind === 'other')
      throw refusal(`the archive has an entry ${shown} that is no file: links and devices are not taken`);
    if (kind === 'folder') return undefined;
    const file = this.ownName(parts, shown);
    if (this.bytes + bytes > this.maxBytes) throw tooLarge(this.maxBytes);
    return async (content) => {
      await pipeline(
        content,
        this.meter(),
        createWriteStream(path.join(this.folder, file), { flags: 'wx', mode: 0o600 }),
      );
    };
  };

  requireAll(): void {
    for (const name of [ADAPTER_FILES.config, ADAPTER_FILES.weights]) {
      if (!this.seen.has(name))
        throw refusal(`the archive has no ${name}: send the folder that PEFT's save_pretrained wrote`);
    }
  }

  private ownName(parts: readonly string[], shown: string): string {
    const file = parts.at(-1) ?? '';
    if (pickles.test(file)) {
      throw refusal(
        `the archive has ${shown}: pickle files can run code when they are opened, so they are not taken. Leave it out; weights must be ${ADAPTER_FILES.weights}, which PEFT writes`,
      );
    }
    const top = parts.slice(0, -1).join('/');
    if (!wanted.includes(file) || parts.length > 2) {
      throw refusal(
        `the archive has ${shown}: only ${wanted.join(', ')} are taken, at the top or in one folder. Leave the rest out`,
      );
    }
    this.top ??= top;
    if (this.seen.has(file) || top !== this.top)
      throw refusal(`the archive has ${shown} beside another file of an adapter: send one adapter`);
    this.seen.add(file);
    return file;
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

function tooLarge(maxBytes: number): ApiError {
  return refusal(`the archive holds more than ${maxBytes} bytes when it is unpacked`);
}

export function refusal(message: string, cause?: unknown): ApiError {
  return new ApiError('archive_refused', message, { param: 'file', cause });
}
