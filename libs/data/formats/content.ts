/** What a file holds: its bytes unpacked, as UTF-8, with a look at how they begin. */
import type { ProblemCollector } from '#data/data-error.js';
import { readChunks } from '#data/formats/byte-source.js';
import type { ByteStream } from '#data/formats/byte-stream.js';
import { type Packing, packings } from '#data/formats/packings.js';
import { utf16Of, toUtf8 } from '#data/formats/utf16.js';

export interface Content {
  /** The first bytes, 512 at least unless there are fewer. */
  readonly head: Buffer;
  /** All bytes. A chunk stays valid until the next is asked for. */
  readonly chunks: AsyncGenerator<Buffer>;
  readonly packing: Packing['name'] | undefined;
  readonly isUtf16: boolean;
  /** Whether there is more than was read, so that a record at the end may be cut off. To be asked at the end. */
  readonly isCut: () => boolean;
}

export interface ContentOptions {
  /** Takes what is wrong with the packing or the encoding. */
  readonly problems: ProblemCollector;
  /** Whether the stream is only the beginning of a file. */
  readonly isBeginning?: boolean;
  /** Most bytes of content that are read; all unless given. */
  readonly maxBytes?: number;
}

/** Opens the content of a file, whatever it is packed in. Throws the errors of reading it. */
export async function openContent(
  stream: ByteStream,
  { problems, isBeginning = false, maxBytes = Infinity }: ContentOptions,
): Promise<Content> {
  const start = await stream.head();
  let isCut = isBeginning;
  const packing = packings.find(({ magic }) => start.subarray(0, magic.length).equals(magic));
  const unpacked = packing
    ? await peek(packing.unpack(stream.chunks(), { problems, isBeginning }))
    : { head: start, chunks: stream.chunks() };
  const order = utf16Of(unpacked.head);
  const decoded = order ? await peek(toUtf8(unpacked.chunks, { order, problems, isBeginning })) : unpacked;
  const bounded = bound(decoded.chunks, maxBytes, (unused) => {
    isCut = true;
    if (!packing && !order) stream.bytesRead -= unused;
  });
  return {
    head: decoded.head,
    chunks: bounded,
    packing: packing?.name,
    isUtf16: order !== undefined,
    isCut: () => isCut,
  };
}

/** The first 512 bytes, and all of them. */
async function peek(
  source: AsyncGenerator<Buffer>,
): Promise<{ head: Buffer; chunks: AsyncGenerator<Buffer> }> {
  const iterator = readChunks(source, { chunkBytes: 0 });
  const first = await iterator.next();
  const head = first.done ? Buffer.alloc(0) : first.value;
  async function* chunks(): AsyncGenerator<Buffer> {
    try {
      if (head.length > 0) yield head;
      yield* iterator;
    } finally {
      await iterator.return(undefined);
      await source.return(undefined);
    }
  }
  return { head, chunks: chunks() };
}

async function* bound(
  chunks: AsyncGenerator<Buffer>,
  maxBytes: number,
  onCut: (unusedBytes: number) => void,
): AsyncGenerator<Buffer> {
  let left = maxBytes;
  for await (const chunk of chunks) {
    if (chunk.length > left) {
      onCut(chunk.length - left);
      yield chunk.subarray(0, left);
      return;
    }
    left -= chunk.length;
    yield chunk;
  }
}
