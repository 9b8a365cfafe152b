/** Files that are handed out: whole or in parts, and not at all to whoever has them already. */
import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { Readable } from 'node:stream';
import { createParamDecorator, type ExecutionContext, HttpStatus, type StreamableFile } from '@nestjs/common';
import type { Request, Response } from 'express';
import type { ObjectStore } from '#platform/objects/object-store.js';
import type { CheckedFile } from '#platform/objects/verified-content.js';
import type { Platform } from '#platform/platform.js';
import { randomText } from '#platform/ids.js';
import { ApiError } from '../errors/api-error.js';
import { type ByteRange, rangesOf } from './byte-ranges.js';
import { streamed } from './streamed.js';
import { verifiedPart } from './verified-part.js';

/** What a file consists of, one piece after the other: objects of the store, and bytes that stand around them. */
export type Piece = CheckedFile | Buffer;

/** A file as it can be handed out. */
export interface ServedFile {
  readonly pieces: readonly Piece[];
  readonly modifiedAt: Date | null;
  /** Default: application/octet-stream. */
  readonly type?: string;
  /** Content-Disposition. */
  readonly disposition: string;
  /** Whether it is handed out as a whole only. */
  readonly isWhole?: boolean;
}

/** What a client asks of a file. */
export class Download {
  constructor(
    private readonly request: Pick<Request, 'method' | 'headers'>,
    private readonly response: Response,
  ) {}

  /** Whether the answer begins with the first byte of a file, rather than go on with it or have its headers only. */
  isFromStart({ isWhole = false }: Pick<ServedFile, 'isWhole'>): boolean {
    const { method, headers } = this.request;
    if (method === 'HEAD') return false;
    if (isWhole || headers['if-range'] !== undefined) return true;
    return rangesOf(headers.range, Number.MAX_SAFE_INTEGER)?.every(({ first }) => first > 0) !== true;
  }

  /**
   * The answer: 200 with the whole, 206 with the parts that were asked for, 304 to a client that has the file.
   *
   * Throws ApiError `precondition_failed` (412), and `range_not_satisfiable` (416) where there is nothing of what was
   * asked for.
   */
  answer(file: ServedFile, { objects, log }: Pick<Platform, 'objects' | 'log'>): StreamableFile | undefined {
    const { pieces, type = 'application/octet-stream', disposition, isWhole = false } = file;
    const bytes = pieces.reduce((sum, piece) => sum + lengthOf(piece), 0);
    const isUnchanged = this.announce(file, isWhole);
    if (isUnchanged) {
      this.response.status(HttpStatus.NOT_MODIFIED);
      return undefined;
    }
    const ranges = isWhole ? undefined : this.ranges(bytes);
    if (ranges === undefined) {
      const content = contentOf(objects, pieces, { first: 0, last: bytes - 1 });
      return streamed(streamOf([content]), log, { length: bytes, type, disposition });
    }
    const [first] = ranges;
    if (first === undefined) {
      this.response.setHeader('content-range', `bytes */${bytes}`);
      const message = `Range: the file has ${bytes} bytes, and none of those that were asked for`;
      throw new ApiError('range_not_satisfiable', message, { param: 'Range' });
    }
    this.response.status(HttpStatus.PARTIAL_CONTENT);
    if (ranges.length === 1) {
      this.response.setHeader('content-range', contentRange(first, bytes));
      const content = contentOf(objects, pieces, first);
      return streamed(streamOf([content]), log, { length: sizeOf(first), type, disposition });
    }
    const parts = multipart(ranges, { bytes, type }, (range) => contentOf(objects, pieces, range));
    return streamed(streamOf(parts.content), log, { length: parts.length, type: parts.type, disposition });
  }

  /** Sets what every answer says of the file. Returns whether the client has it; throws where it may have no other. */
  private announce({ pieces, modifiedAt }: ServedFile, isWhole: boolean): boolean {
    const { request, response } = this;
    const etag = etagOf(pieces);
    response.setHeader('etag', etag);
    if (modifiedAt) response.setHeader('last-modified', modifiedAt.toUTCString());
    if (!isWhole) response.setHeader('accept-ranges', 'bytes');
    // It may be deleted, and it is not for others: a cache asks again.
    if (!response.hasHeader('cache-control')) response.setHeader('cache-control', 'private, no-cache');
    if (isOther(request.headers, etag, modifiedAt)) {
      const message = 'the file is not the one that If-Match or If-Unmodified-Since asks for';
      throw new ApiError('precondition_failed', message);
    }
    return isKnown(request.headers, etag, modifiedAt);
  }

  private ranges(bytes: number): readonly ByteRange[] | undefined {
    const { method, headers } = this.request;
    if (method !== 'GET') return undefined;
    const condition = headers['if-range'];
    // A date or a digest of another file: what the client has is of no use.
    const isSame =
      condition === undefined ||
      condition === this.response.getHeader('etag') ||
      condition === this.response.getHeader('last-modified');
    return isSame ? rangesOf(headers.range, bytes) : undefined;
  }
}

/** What the request asks of a file. */
export const Downloading = createParamDecorator((_: unknown, context: ExecutionContext): Download => {
  const http = context.switchToHttp();
  return new Download(http.getRequest<Request>(), http.getResponse<Response>());
});

const lengthOf = (piece: Piece) => (Buffer.isBuffer(piece) ? piece.length : piece.bytes);
const sizeOf = ({ first, last }: ByteRange) => last - first + 1;
const contentRange = ({ first, last }: ByteRange, bytes: number) => `bytes ${first}-${last}/${bytes}`;
const wholeSeconds = (date: Date) => 1000 * Math.floor(date.getTime() / 1000);

/** The SHA-256 of a file that is one object; of what it consists of otherwise. */
function etagOf(pieces: readonly Piece[]): string {
  const digests = pieces.map((piece) =>
    Buffer.isBuffer(piece) ? createHash('sha256').update(piece).digest('hex') : piece.sha256,
  );
  const [only = '', ...others] = digests;
  return others.length === 0 ? `"${only}"` : `"${createHash('sha256').update(digests.join()).digest('hex')}"`;
}

/** Whether a request is about another file than this one. */
function isOther(headers: IncomingHttpHeaders, etag: string, modifiedAt: Date | null): boolean {
  const { 'if-match': match, 'if-unmodified-since': since } = headers;
  if (match !== undefined) return !tagsOf(match).some((tag) => tag === '*' || tag === etag);
  return since !== undefined && modifiedAt !== null && Date.parse(since) < wholeSeconds(modifiedAt);
}

/** Whether the client has the file already. Of the two conditions the digest is the stronger. */
function isKnown(headers: IncomingHttpHeaders, etag: string, modifiedAt: Date | null): boolean {
  const { 'if-none-match': match, 'if-modified-since': since } = headers;
  if (match !== undefined) {
    return tagsOf(match).some((tag) => tag === '*' || tag.replace(/^W\//, '') === etag);
  }
  return since !== undefined && modifiedAt !== null && Date.parse(since) >= wholeSeconds(modifiedAt);
}

const tagsOf = (header: string) => header.split(',').map((tag) => tag.trim());

/** The bytes of a range, read as they are asked for. */
async function* contentOf(
  objects: ObjectStore,
  pieces: readonly Piece[],
  { first, last }: ByteRange,
): AsyncGenerator<Buffer> {
  let start = 0;
  for (const piece of pieces) {
    const length = lengthOf(piece);
    const part = { first: Math.max(0, first - start), last: Math.min(length, last - start + 1) - 1 };
    start += length;
    if (part.first > part.last) {
      // Of an empty file there is nothing to read, but it must be there.
      if (length === 0 && !Buffer.isBuffer(piece)) yield* await read(objects, piece, { first: 0, last: -1 });
      continue;
    }
    if (Buffer.isBuffer(piece)) yield piece.subarray(part.first, part.last + 1);
    else yield* await read(objects, piece, part);
  }
}

async function read(
  objects: ObjectStore,
  file: CheckedFile,
  range: ByteRange,
): Promise<AsyncIterable<Buffer>> {
  return (await verifiedPart(objects, file, range)) as AsyncIterable<Buffer>;
}

function streamOf(parts: readonly (Buffer | AsyncIterable<Buffer>)[]): Readable {
  return Readable.from(
    (async function* () {
      for (const part of parts) {
        if (Buffer.isBuffer(part)) yield part;
        else yield* part;
      }
    })(),
    { objectMode: false },
  );
}

/** Several ranges as one body, each with its place before it (RFC 9110, 14.6). */
function multipart(
  ranges: readonly ByteRange[],
  { bytes, type }: { readonly bytes: number; readonly type: string },
  read: (range: ByteRange) => AsyncIterable<Buffer>,
): { content: (Buffer | AsyncIterable<Buffer>)[]; length: number; type: string } {
  const boundary = randomText(24);
  const end = Buffer.from(`\r\n--${boundary}--\r\n`);
  const content: (Buffer | AsyncIterable<Buffer>)[] = [];
  let length = end.length;
  for (const range of ranges) {
    const head = Buffer.from(
      `\r\n--${boundary}\r\nContent-Type: ${type}\r\nContent-Range: ${contentRange(range, bytes)}\r\n\r\n`,
    );
    content.push(head, read(range));
    length += head.length + sizeOf(range);
  }
  return { content: [...content, end], length, type: `multipart/byteranges; boundary=${boundary}` };
}
