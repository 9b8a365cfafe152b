/** A file that is written piece by piece and appears under its name only when it is whole and on the disk. */
import { mkdir, open, readdir, rename, rm, stat, type FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { flushFolder, temporaryNeighbour, writeError } from '#base/atomic-file.js';

const TEMPORARY = '.tmp';
/** A crash can leave a partial file behind; after a day, nobody writes to it any more. */
const LEFTOVER_MS = 24 * 60 * 60 * 1000;
const BUFFERED_BYTES = 1 << 20;

export class AtomicFile {
  private pending: Buffer[] = [];
  private pendingBytes = 0;

  private constructor(
    private readonly path: string,
    private readonly temporary: string,
    private readonly file: FileHandle,
  ) {}

  /** Begins a file; its folder is made if it is missing. Throws LowrankError `disk_full`. */
  static async create(path: string): Promise<AtomicFile> {
    return mapErrors(path, async () => {
      await mkdir(dirname(path), { recursive: true });
      await removeLeftovers(dirname(path));
      const temporary = temporaryNeighbour(path);
      return new AtomicFile(path, temporary, await open(temporary, 'wx'));
    });
  }

  /** Takes bytes to write; `flush` must be awaited now and then. The buffer must not be changed any more. */
  append(bytes: Buffer): void {
    this.pending.push(bytes);
    this.pendingBytes += bytes.length;
  }

  /** Writes what was taken, once that is a megabyte. Throws LowrankError `disk_full`. */
  async flush(minBytes = BUFFERED_BYTES): Promise<void> {
    if (this.pendingBytes < minBytes || this.pendingBytes === 0) return;
    const bytes = Buffer.concat(this.pending);
    this.pending = [];
    this.pendingBytes = 0;
    await mapErrors(this.path, () => this.file.appendFile(bytes));
  }

  /** Puts the file under its name, durably. Throws LowrankError `disk_full`. */
  async commit(): Promise<void> {
    await this.flush(1);
    await mapErrors(this.path, async () => {
      await this.file.sync();
      await this.file.close();
      await rename(this.temporary, this.path);
      await flushFolder(dirname(this.path));
    });
  }

  /** Leaves nothing behind. Safe to call after a failed commit. */
  async discard(): Promise<void> {
    await this.file.close().catch(() => undefined);
    await rm(this.temporary, { force: true });
  }
}

async function mapErrors<T>(path: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    throw writeError(path, error);
  }
}

async function removeLeftovers(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!name.endsWith(TEMPORARY)) continue;
    const path = join(folder, name);
    const age = await stat(path).then(
      ({ mtimeMs }) => Date.now() - mtimeMs,
      () => 0,
    );
    if (age > LEFTOVER_MS) await rm(path, { force: true });
  }
}
