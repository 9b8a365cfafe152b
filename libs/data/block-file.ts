/**
 * Files of packed blocks: fixed-size records, so that any block is one read away, then a footer.
 *
 *     record   tokens int32 [L] | flags uint8 [L] | classes int32 [C] | pixels uint8 [P] | CRC-32 of all, uint32
 *     footer   JSON | CRC-32 of the JSON, uint32 | length of the JSON, uint32 | magic, 8 bytes
 *
 * Little-endian. A flag has bit 0: the token is a target, bit 1: it starts a segment, bit 2: it is not padding, and from
 * bit 3 on its token type. C is the most segments that a block can hold where they have classes, else 0; P is the size of an
 * image where a block is one, else 0.
 */
import { createHash } from 'node:crypto';
import { open, stat, type FileHandle } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import * as z from 'zod';
import { LowrankError } from '#base/errors.js';
import type { Block } from '#data/packing.js';
import { rowKinds } from '#data/rows/row.js';

/** Part of a prepared file's name: to be raised whenever the same input is to give other bytes. */
export const FORMAT_VERSION = 3;

const MAGIC = Buffer.from('LRBLOCK1', 'latin1');
const TAIL_BYTES = 8 + MAGIC.length;
const IS_TARGET = 1;
const STARTS_SEGMENT = 2;
const IS_USED = 4;
const TYPE_SHIFT = 3;

const count = z.int().nonnegative();
const lengths = z.object({ min: count, median: count, p90: count, max: count });

/** What preparing a data set did: the packing, and what else a person should know. */
export const preparationReport = z.object({
  kind: z.enum(rowKinds),
  examples: count,
  blocks: count,
  tokens: count,
  trainedTokens: count,
  fillShare: z.number(),
  truncatedExamples: count,
  droppedTokens: count,
  droppedExamples: count,
  splitExamples: count,
  lengths,
  unknownFields: z.record(z.string(), count),
  warnings: z.array(z.object({ code: z.string(), message: z.string() })),
});

export type PreparationReport = z.infer<typeof preparationReport>;

const footer = z.object({
  version: z.literal(FORMAT_VERSION),
  digest: z.string(),
  blockLength: z.int().min(2),
  /** Segments of a block that have room for a class; absent = they have none. */
  classPlaces: count.optional(),
  /** Numbers of an image where a block is one; absent = it is none. */
  imageBytes: count.optional(),
  blockCount: count,
  report: preparationReport,
});

export type BlockFileFooter = z.infer<typeof footer>;
/** What decides how long a record is. */
export type BlockSize = Pick<BlockFileFooter, 'blockLength' | 'classPlaces' | 'imageBytes'>;

/** Bytes of a record; its checksum are the last four. */
export function recordBytes({ blockLength, classPlaces = 0, imageBytes = 0 }: BlockSize): number {
  return 5 * blockLength + 4 * classPlaces + imageBytes + 4;
}

/** The bytes of a block; `classPlaces` = as in the footer. */
export function encodeBlock({ tokens, segments, trained, classes, pixels }: Block, classPlaces = 0): Buffer {
  const { length } = tokens;
  const imageBytes = pixels?.length ?? 0;
  const bytes = Buffer.alloc(recordBytes({ blockLength: length, classPlaces, imageBytes }));
  for (let i = 0; i < length; i++) {
    bytes.writeInt32LE(tokens[i]!, 4 * i);
    const segment = segments[i]!;
    let flags = trained[i] ? IS_TARGET : 0;
    if (segment > 0) flags |= IS_USED;
    if (segment > 0 && (i === 0 || segments[i - 1] !== segment)) flags |= STARTS_SEGMENT;
    if (classes) flags |= classes.types[i]! << TYPE_SHIFT;
    bytes[4 * length + i] = flags;
  }
  classes?.labels.forEach((label, i) => bytes.writeInt32LE(label, 5 * length + 4 * i));
  const end = bytes.length - 4;
  if (pixels) bytes.set(pixels, end - imageBytes);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, end)), end);
  return bytes;
}

/** The block of a record's bytes; undefined if they are not what was written. */
export function decodeBlock(
  bytes: Buffer,
  { blockLength, classPlaces = 0, imageBytes = 0 }: BlockSize,
): Block | undefined {
  const end = bytes.length - 4;
  if (bytes.readUInt32LE(end) !== crc32(bytes.subarray(0, end))) return undefined;
  const tokens = new Int32Array(blockLength);
  const segments = new Int32Array(blockLength);
  const trained = new Uint8Array(blockLength);
  const types = new Uint8Array(classPlaces > 0 ? blockLength : 0);
  let segment = 0;
  for (let i = 0; i < blockLength; i++) {
    const flags = bytes[4 * blockLength + i]!;
    tokens[i] = bytes.readInt32LE(4 * i);
    if (flags & STARTS_SEGMENT) segment++;
    segments[i] = flags & IS_USED ? segment : 0;
    trained[i] = flags & IS_TARGET;
    if (classPlaces > 0) types[i] = flags >> TYPE_SHIFT;
  }
  if (classPlaces === 0) return { tokens, segments, trained };
  const labels = Int32Array.from({ length: segment }, (_, i) => bytes.readInt32LE(5 * blockLength + 4 * i));
  const block = { tokens, segments, trained, classes: { types, labels } };
  return imageBytes === 0
    ? block
    : { ...block, pixels: new Uint8Array(bytes.subarray(end - imageBytes, end)) };
}

/** The bytes that end a file of blocks. */
export function encodeFooter(content: BlockFileFooter): Buffer {
  const json = Buffer.from(JSON.stringify(content), 'utf8');
  const numbers = Buffer.alloc(8);
  numbers.writeUInt32LE(crc32(json), 0);
  numbers.writeUInt32LE(json.length, 4);
  return Buffer.concat([json, numbers, MAGIC]);
}

function corrupt(path: string, what: string): LowrankError {
  return new LowrankError(
    'prepared_data_corrupt',
    `${path} is not a whole file of prepared data: ${what}. Delete it; it is made again from the data set.`,
    { details: { path } },
  );
}

/** Reads the footer and holds it against the file's size. Throws LowrankError `prepared_data_corrupt`. */
export async function readFooter(path: string): Promise<BlockFileFooter> {
  const { size } = await stat(path);
  const file = await open(path);
  try {
    if (size < TAIL_BYTES) throw corrupt(path, 'it is too short');
    const tail = await readAt(file, size - TAIL_BYTES, TAIL_BYTES);
    const length = tail.readUInt32LE(4);
    if (!tail.subarray(8).equals(MAGIC) || length > size - TAIL_BYTES) {
      throw corrupt(path, 'its end is missing');
    }
    const json = await readAt(file, size - TAIL_BYTES - length, length);
    if (crc32(json) !== tail.readUInt32LE(0)) throw corrupt(path, 'the checksum of its footer differs');
    const content = footer.safeParse(JSON.parse(json.toString('utf8')));
    if (!content.success) throw corrupt(path, 'its footer is of another version');
    if (size !== content.data.blockCount * recordBytes(content.data) + length + TAIL_BYTES) {
      throw corrupt(path, 'its size differs');
    }
    return content.data;
  } finally {
    await file.close();
  }
}

/**
 * Reads every block, holds it against its checksum and yields the SHA-256 of all of them.
 * Throws LowrankError `prepared_data_corrupt`.
 */
export async function verifyBlocks(
  path: string,
  content: BlockFileFooter,
  signal?: AbortSignal,
): Promise<string> {
  const bytes = recordBytes(content);
  const hash = createHash('sha256').update(`blocks of ${content.blockLength}\n`);
  const perRead = Math.max(1, Math.floor((1 << 20) / bytes));
  const file = await open(path);
  try {
    for (let first = 0; first < content.blockCount; first += perRead) {
      signal?.throwIfAborted();
      const records = Math.min(perRead, content.blockCount - first);
      const chunk = await readAt(file, first * bytes, records * bytes);
      hash.update(chunk);
      for (let start = 0; start < chunk.length; start += bytes) {
        const end = start + bytes - 4;
        if (chunk.readUInt32LE(end) !== crc32(chunk.subarray(start, end))) {
          throw corrupt(path, `the checksum of block ${first + start / bytes} differs`);
        }
      }
    }
    return hash.digest('hex');
  } finally {
    await file.close();
  }
}

async function readAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length);
  let done = 0;
  while (done < length) {
    const { bytesRead } = await file.read(buffer, done, length - done, position + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return buffer;
}
