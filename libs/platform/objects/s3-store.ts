/** Objects in a bucket of an S3 API. */
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { LowrankError } from '#base/errors.js';
import type { S3Configuration } from '#platform/config.js';
import { checkKey, checkPrefix } from '#platform/objects/object-keys.js';
import type { ObjectStore, StoredObject, WrittenObject } from '#platform/objects/object-store.js';
import { piecesOf } from '#platform/objects/pieces.js';
import { createS3Client, type S3Client, s3Code } from '#platform/objects/s3-client.js';
import { objectExists, objectMissing, storeFull, storeUnavailable } from '#platform/objects/store-errors.js';

/** Content up to this size is one request; longer content is sent in parts of it, one in memory at a time. */
const PART_BYTES = 16 * 2 ** 20;
const MOST_PARTS = 10_000;
/** Requests that may be made twice are tried so often, with a pause between. */
const TRIES = 3;
const PAUSE_MS = 150;
/** Whose content an object has, as the server keeps it beside: `x-amz-meta-` and this. */
const DIGEST = 'lowrank-sha256';

const refusals = new Set(['AccessDenied', 'InvalidAccessKeyId', 'SignatureDoesNotMatch']);
const fullness = new Set(['QuotaExceeded', 'InsufficientStorage', 'XMinioStorageFull', 'EntityTooLarge']);

/** Only where nothing has that name yet; servers that do not know the header are asked beforehand. */
const ifNew = { 'if-none-match': '*' };

/** Makes the bucket if it is missing; another process of the service may do so at the same time. */
async function makeBucket({ client }: S3Client, { bucket, region }: S3Configuration): Promise<void> {
  if (await client.bucketExists(bucket)) return;
  try {
    await client.makeBucket(bucket, region);
  } catch (error) {
    if (!(await client.bucketExists(bucket))) throw error;
  }
}

export class S3Store implements ObjectStore {
  private constructor(
    private readonly s3: S3Client,
    private readonly bucket: string,
    private readonly endpoint: string,
  ) {}

  /** Connects, and makes the bucket if it is missing. Throws LowrankError `store_unavailable`. */
  static async open(configuration: S3Configuration): Promise<S3Store> {
    const { bucket, endpoint } = configuration;
    const s3 = createS3Client(configuration, PART_BYTES);
    const store = new S3Store(s3, bucket, endpoint);
    await store.mapErrors('', () => makeBucket(s3, configuration));
    return store;
  }

  async put(
    key: string,
    content: Readable | Buffer,
    { signal }: { signal?: AbortSignal } = {},
  ): Promise<WrittenObject> {
    checkKey(key);
    const hash = createHash('sha256');
    let bytes = 0;
    const pieces = piecesOf(content, PART_BYTES, signal);
    const next = async (): Promise<Buffer | null> => {
      const { value, done } = await pieces.next();
      if (done) return null;
      hash.update(value);
      bytes += value.length;
      return value;
    };
    try {
      if (await this.isThere(key)) throw objectExists(key);
      const first = (await next()) ?? Buffer.alloc(0);
      const second = first.length < PART_BYTES ? null : await next();
      signal?.throwIfAborted();
      if (second === null) await this.putWhole(key, first);
      else await this.putParts(key, first, second, next, signal);
      return { key, bytes, sha256: hash.digest('hex') };
    } finally {
      await pieces.return(undefined);
    }
  }

  async get(key: string, range: { start: number; length?: number } = { start: 0 }): Promise<Readable> {
    checkKey(key);
    if (range.length === 0) {
      await this.head(key);
      return Readable.from([]);
    }
    try {
      return await this.withRetry(key, () =>
        this.client.getPartialObject(this.bucket, key, range.start, range.length ?? 0),
      );
    } catch (error) {
      // It begins behind the end.
      if (s3Code((error as Error).cause) === 'InvalidRange') return Readable.from([]);
      throw error;
    }
  }

  async head(key: string): Promise<StoredObject> {
    checkKey(key);
    const { size, lastModified } = await this.withRetry(key, () => this.client.statObject(this.bucket, key));
    return { key, bytes: size, modifiedAt: lastModified };
  }

  async delete(key: string): Promise<void> {
    checkKey(key);
    await this.withRetry(key, () => this.client.removeObject(this.bucket, key));
  }

  async *list(prefix: string): AsyncIterable<StoredObject> {
    checkPrefix(prefix);
    try {
      for await (const item of this.client.listObjectsV2(this.bucket, prefix, true)) {
        const { name, size, lastModified } = item as { name?: string; size: number; lastModified: Date };
        if (name !== undefined) yield { key: name, bytes: size, modifiedAt: lastModified };
      }
    } catch (cause) {
      throw this.explain(prefix, cause);
    }
  }

  /** Writes a small object and removes it. */
  async ping(): Promise<void> {
    const key = 'health/ping';
    await this.mapErrors(key, async () => {
      await this.client.putObject(this.bucket, key, 'ping');
      await this.client.removeObject(this.bucket, key);
    });
  }

  private async putWhole(key: string, content: Buffer): Promise<void> {
    const sha256 = createHash('sha256').update(content).digest('hex');
    let tries = 0;
    await this.withRetry(key, async () => {
      tries += 1;
      try {
        await this.client.putObject(this.bucket, key, content, content.length, {
          ...ifNew,
          [DIGEST]: sha256,
        });
      } catch (error) {
        // The first try may have succeeded although its answer got lost.
        if (tries === 1 || s3Code(error) !== 'PreconditionFailed') throw error;
        const { metaData } = await this.client.statObject(this.bucket, key);
        if ((metaData as Record<string, unknown>)[DIGEST] !== sha256) throw error;
      }
    });
  }

  private async putParts(
    key: string,
    first: Buffer,
    second: Buffer,
    next: () => Promise<Buffer | null>,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const upload = await this.mapErrors(key, () =>
      this.client.initiateNewMultipartUpload(this.bucket, key, {}),
    );
    try {
      const tags = [await this.putPart(key, upload, 1, first)];
      for (let part: Buffer | null = second; part !== null; part = await next()) {
        signal?.throwIfAborted();
        if (tags.length === MOST_PARTS) {
          throw new LowrankError(
            'object_too_large',
            `the object ${key} is larger than ${MOST_PARTS * PART_BYTES} bytes`,
          );
        }
        tags.push(await this.putPart(key, upload, tags.length + 1, part));
      }
      signal?.throwIfAborted();
      await this.mapErrors(key, () => this.complete(key, upload, tags));
    } catch (error) {
      // What cannot be taken back now, a rule of the bucket should remove later.
      await this.client.abortMultipartUpload(this.bucket, key, upload).catch(() => undefined);
      throw error;
    }
  }

  /** Sends one part and returns its tag. */
  private async putPart(key: string, upload: string, number: number, content: Buffer): Promise<string> {
    const { bucket } = this;
    const query = { partNumber: String(number), uploadId: upload };
    // So that the server notices bytes that changed on the way.
    const headers = { 'content-md5': createHash('md5').update(content).digest('base64') };
    return this.withRetry(key, async () => {
      const answer = await this.s3.send({ method: 'PUT', bucket, key, query, headers, body: content });
      return String(answer.headers.etag);
    });
  }

  private async complete(key: string, upload: string, tags: readonly string[]): Promise<void> {
    const parts = tags.map(
      (tag, i) => `<Part><PartNumber>${i + 1}</PartNumber><ETag>${escaped(tag)}</ETag></Part>`,
    );
    const body = `<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${parts.join('')}</CompleteMultipartUpload>`;
    await this.s3.send({
      method: 'POST',
      bucket: this.bucket,
      key,
      query: { uploadId: upload },
      headers: ifNew,
      body,
    });
  }

  private get client(): S3Client['client'] {
    return this.s3.client;
  }

  private async isThere(key: string): Promise<boolean> {
    try {
      await this.head(key);
      return true;
    } catch (error) {
      if ((error as LowrankError).code === 'object_missing') return false;
      throw error;
    }
  }

  /** For requests that may be made twice: a server that is busy or restarts is asked again. */
  private async withRetry<T>(key: string, action: () => Promise<T>): Promise<T> {
    for (let tries = 1; ; tries++) {
      try {
        return await action();
      } catch (cause) {
        const error = this.explain(key, cause);
        const code = s3Code(cause) ?? '';
        const hopeless = refusals.has(code) || code === 'InvalidRange';
        if (tries === TRIES || (error as LowrankError).code !== 'store_unavailable' || hopeless) throw error;
      }
      await delay(PAUSE_MS * 4 ** (tries - 1));
    }
  }

  private async mapErrors<T>(key: string, action: () => Promise<T>): Promise<T> {
    try {
      return await action();
    } catch (cause) {
      throw this.explain(key, cause);
    }
  }

  private explain(key: string, cause: unknown): unknown {
    if (cause instanceof LowrankError) return cause;
    const where = `${this.endpoint}, bucket ${this.bucket},`;
    const code = s3Code(cause) ?? '';
    if (code === 'NoSuchKey' || code === 'NotFound') return objectMissing(key, cause);
    if (code === 'PreconditionFailed') return objectExists(key, cause);
    if (fullness.has(code)) return storeFull(where, cause);
    const fix = refusals.has(code)
      ? 'check S3_ACCESS_KEY, S3_SECRET_KEY and what they may do'
      : 'check that it runs, S3_ENDPOINT, S3_REGION and S3_BUCKET';
    return storeUnavailable(where, fix, cause);
  }
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;');
}
