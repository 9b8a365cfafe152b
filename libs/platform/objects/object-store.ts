/** Where files, checkpoints and adapters lie: a folder, or the S3 API. */
import type { Readable } from 'node:stream';

export interface StoredObject {
  readonly key: string;
  readonly bytes: number;
  readonly modifiedAt: Date;
}

export interface WrittenObject {
  readonly key: string;
  readonly bytes: number;
  /** Of the content, hexadecimal, computed while it was written. */
  readonly sha256: string;
}

/**
 * Objects under keys such as `jobs/ftjob-x/attempts/2/adapter/adapter_model.safetensors`. A key is visible once its
 * object is whole. Errors: LowrankError `object_missing` (key), `object_exists` (key), `object_key` (bad key),
 * `store_unavailable` (the store does not answer), `store_full`.
 */
export interface ObjectStore {
  /** Writes a new object; throws `object_exists` rather than change one. Stops, leaving nothing, if `signal` aborts. */
  put(key: string, content: Readable | Buffer, options?: { signal?: AbortSignal }): Promise<WrittenObject>;
  /** The content from `start`, `length` bytes or to the end. Throws `object_missing` before the first byte. */
  get(key: string, range?: { start: number; length?: number }): Promise<Readable>;
  head(key: string): Promise<StoredObject>;
  /** No error if there is none. */
  delete(key: string): Promise<void>;
  list(prefix: string): AsyncIterable<StoredObject>;
  /** Resolves if the store answers and can be written. */
  ping(): Promise<void>;
}
