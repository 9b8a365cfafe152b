/** Parts of objects, which go out only when the whole is known to be right. */
import { Readable } from 'node:stream';
import type { ObjectStore } from '#platform/objects/object-store.js';
import { type CheckedFile, corruptObject, verifiedContent } from '#platform/objects/verified-content.js';
import type { ByteRange } from './byte-ranges.js';
import { SharedWork } from './shared-work.js';

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
    if (seen !== last - first + 1) throw corruptObject(file);
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
