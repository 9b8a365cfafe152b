/** Content of the object store, checked while it goes out. */
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import type { ManifestFile } from '#platform/database/entities/checkpoint.js';
import { LowrankError } from '#base/errors.js';
import type { ObjectStore } from '#platform/objects/object-store.js';
import type { ByteRange } from './byte-ranges.js';
import { SharedWork } from './shared-work.js';

export type CheckedFile = Pick<ManifestFile, 'key' | 'bytes' | 'sha256'>;

/**
 * The bytes of an object. The last of them are held back until all are known to be right: an object that was damaged
 * gives a broken download, never a wrong one. Throws `object_missing` before the first byte; fails with LowrankError
 * `object_corrupt` after the last.
 */
export async function verifiedContent(objects: ObjectStore, file: CheckedFile): Promise<Readable> {
  const content = await objects.get(file.key);
  return Readable.from(verify(content, file), { objectMode: false });
}

async function* verify(content: Readable, file: CheckedFile): AsyncGenerator<Buffer> {
  const hash = createHash('sha256');
  let seen = 0;
  let held: Buffer | undefined;
  for await (const chunk of content as AsyncIterable<Buffer>) {
    hash.update(chunk);
    seen += chunk.length;
    if (held) yield held;
    held = chunk;
  }
  if (seen !== file.bytes || hash.digest('hex') !== file.sha256) throw corrupt(file);
  if (held) yield held;
}

/**
 * A part of an object, of which nothing else is read. The last piece of the object is held back until the whole was
 * checked, so that nobody puts a damaged object together from its parts. Throws and fails as `verifiedContent`.
 */
export async function verifiedPart(
  objects: ObjectStore,
  file: CheckedFile,
  { first, last }: ByteRange,
): Promise<Readable> {
  if (first === 0 && last === file.bytes - 1) return verifiedContent(objects, file);
  const content = await objects.get(file.key, { start: first, length: last - first + 1 });
  return Readable.from(part(content, objects, file, { first, last }), { objectMode: false });
}

async function* part(
  content: Readable,
  objects: ObjectStore,
  file: CheckedFile,
  { first, last }: ByteRange,
): AsyncGenerator<Buffer> {
  const gone = new AbortController();
  const checked = last === file.bytes - 1 ? check(objects, file, gone.signal) : Promise.resolve();
  // It is waited for below, once the bytes before it have gone out.
  checked.catch(() => undefined);
  try {
    let seen = 0;
    let held: Buffer | undefined;
    for await (const chunk of content as AsyncIterable<Buffer>) {
      seen += chunk.length;
      if (held) yield held;
      held = chunk;
    }
    if (seen !== last - first + 1) throw corrupt(file);
    await checked;
    if (held) yield held;
  } finally {
    // Whoever reads may have gone.
    gone.abort();
  }
}

/** For as long a check holds: parts of an object are asked for one after another. */
const checkedMs = 3_600_000;
const maxChecked = 10_000;
/** A client whose connection broke comes back for the rest. */
const graceMs = 30_000;

/** Objects that were read through lately, and those that are being read. */
class ObjectChecks {
  private readonly done = new Map<string, number>();
  private readonly running = new Map<string, SharedWork<void>>();

  constructor(private readonly objects: ObjectStore) {}

  /** Resolves when the object is known to be right. Throws as `verifiedContent`, and the signal's reason. */
  async check(file: CheckedFile, signal: AbortSignal): Promise<void> {
    const id = `${file.key} ${file.sha256}`;
    if (Date.now() - (this.done.get(id) ?? -Infinity) < checkedMs) return;
    const known = this.running.get(id);
    const work = known?.isStopped === false ? known : this.begin(id, file);
    await work.wait(signal);
  }

  private begin(id: string, file: CheckedFile): SharedWork<void> {
    const work: SharedWork<void> = new SharedWork(async (signal) => {
      try {
        await this.readThrough(file, signal);
        this.done.delete(id);
        this.done.set(id, Date.now());
        const [oldest] = this.done.keys();
        if (this.done.size > maxChecked) this.done.delete(oldest!);
      } finally {
        if (this.running.get(id) === work) this.running.delete(id);
      }
    }, graceMs);
    this.running.set(id, work);
    return work;
  }

  private async readThrough(file: CheckedFile, signal: AbortSignal): Promise<void> {
    const content = await verifiedContent(this.objects, file);
    signal.addEventListener('abort', () => content.destroy(), { once: true });
    if (signal.aborted) content.destroy();
    for await (const _ of content);
  }
}

const checksOf = new WeakMap<ObjectStore, ObjectChecks>();

function check(objects: ObjectStore, file: CheckedFile, signal: AbortSignal): Promise<void> {
  const checks = checksOf.get(objects) ?? new ObjectChecks(objects);
  checksOf.set(objects, checks);
  return checks.check(file, signal);
}

function corrupt({ key }: CheckedFile): LowrankError {
  return new LowrankError(
    'object_corrupt',
    `the object ${key} is not what was written: restore it from a copy`,
    { details: { key } },
  );
}
