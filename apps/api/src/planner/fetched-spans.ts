/** What was fetched of a stored file for whoever plans: spans of it, each at its place. */
import { createWriteStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { LowrankError } from '#base/errors.js';
import type { PlannedFile } from '#jobs/planner-calls.js';
import type { ObjectStore } from '#platform/objects/object-store.js';
import type { DataFile } from './plan-order.js';

/** What is asked for in pieces comes in few. */
const minBytes = 1 << 20;
/** First bytes, with those that tell whether there are more. */
const firstBytes = minBytes + 256 * 1024;
/** Of a file, for one plan: a page of each column, say. */
const maxBytes = 512 * 1024 * 1024;

export class FetchedSpans {
  private readonly spans: [number, number][] = [];
  private fetched = 0;

  constructor(
    private readonly objects: ObjectStore,
    private readonly file: DataFile,
    private readonly path: string,
  ) {}

  get here(): PlannedFile['content'] {
    const { path, spans } = this;
    return { path, spans: [...spans] };
  }

  /** Throws the errors of the store, LowrankError `line_too_long` where a plan would need too much, and the signal's reason. */
  async fetch(start: number, wanted: number, signal: AbortSignal): Promise<void> {
    const { objectKey, bytes, filename } = this.file;
    const length = Math.min(bytes - start, Math.max(wanted, start === 0 ? firstBytes : minBytes));
    this.fetched += length;
    if (this.fetched > maxBytes) {
      const limit = `${maxBytes / 1024 / 1024} MiB`;
      const message = `${filename}: its first rows take more than ${limit}. Write it with smaller row groups or pages.`;
      throw new LowrankError('line_too_long', message);
    }
    await (await open(this.path, 'a')).close();
    if (length > 0) {
      const content = await this.objects.get(objectKey, { start, length });
      await pipeline(content, createWriteStream(this.path, { flags: 'r+', start }), { signal });
    }
    this.spans.push([start, start + length]);
  }
}
