/**
 * Reading GGUF files: metadata and places of tensors, believed in nothing.
 *
 * Format: docs/gguf.md of https://github.com/ggml-org/ggml, versions 2 and 3. Numbers are little-endian.
 */
import { open, type FileHandle } from 'node:fs/promises';
import { setImmediate } from 'node:timers/promises';
import { LowrankError, UnsupportedError } from '#base/errors.js';
import { fileProblem } from '#base/file-problem.js';
import {
  aligned,
  GGUF_ALIGNMENT,
  GGUF_MAGIC,
  GGUF_TENSOR_TYPES,
  GGUF_VALUE_TYPES,
  ggufTensorBytes,
} from '#gguf/format.js';
import { gitLfsPointer, isGitLfsPointer } from '#base/git-lfs.js';
import { type BlockType, blockTypeOf, decoders, typeName } from '#gguf/decode.js';

/** A value of the metadata, whatever its type in the file; integers of 64 bits are numbers too. */
export type PlainValue = number | boolean | string | readonly PlainValue[];

export interface GgufTensor {
  readonly type: BlockType;
  /** As everybody but GGUF writes it: the axis whose numbers lie side by side is the last one. */
  readonly shape: readonly number[];
  readonly offset: number;
  readonly byteLength: number;
}

export interface GgufFile {
  readonly path: string;
  readonly size: number;
  readonly metadata: ReadonlyMap<string, PlainValue>;
  readonly tensors: ReadonlyMap<string, GgufTensor>;
}

/** A file that is not what the format says. */
export class GgufError extends LowrankError {
  constructor(path: string, problem: string, details: Readonly<Record<string, unknown>> = {}) {
    super('gguf_invalid', `${path} ${problem}`, { details: { file: path, ...details } });
  }
}

/** Metadata of models with the largest vocabularies have some 30 MB. */
const maxHeaderBytes = 1 << 28;
const maxTensors = 100_000;
const maxEntries = 100_000;
const maxDimensions = 4;
const chunkBytes = 1 << 22;
/** After so many values others have their turn. */
const turn = 20_000;

const again = 'Download the file again';

const sizes: Readonly<Record<number, number>> = {
  0: 1,
  1: 1,
  2: 2,
  3: 2,
  4: 4,
  5: 4,
  6: 4,
  7: 1,
  10: 8,
  11: 8,
  12: 8,
};
const { string: stringType, array: arrayType } = GGUF_VALUE_TYPES;

/** Reads on, and never past the end. */
class Cursor {
  private buffer = Buffer.alloc(0);
  private start = 0;
  at = 0;
  private values = 0;

  constructor(
    private readonly handle: FileHandle,
    readonly path: string,
    private readonly size: number,
  ) {}

  /** The next bytes, valid until the next call. */
  async take(length: number, what: string): Promise<Buffer> {
    if (length > this.size - this.at) {
      throw new GgufError(
        this.path,
        `ends at byte ${this.size}, in ${what} that goes on to byte ${this.at + length}: it was cut off. ${again}.`,
        { size: this.size, needed: this.at + length },
      );
    }
    if (this.at + length > maxHeaderBytes) {
      throw new GgufError(this.path, `has more than ${maxHeaderBytes} bytes of metadata, in ${what}`);
    }
    if (this.at + length > this.start + this.buffer.length) {
      const wanted = Math.min(Math.max(length, chunkBytes), this.size - this.at);
      this.buffer = Buffer.alloc(wanted);
      this.start = this.at;
      const { bytesRead } = await this.handle.read(this.buffer, 0, wanted, this.at);
      if (bytesRead < length) throw new GgufError(this.path, `became shorter while it was read. ${again}.`);
    }
    const from = this.at - this.start;
    this.at += length;
    return this.buffer.subarray(from, from + length);
  }

  async number(type: number, what: string): Promise<number> {
    const bytes = await this.take(sizes[type]!, what);
    switch (type) {
      case 0:
      case 7:
        return bytes.readUInt8();
      case 1:
        return bytes.readInt8();
      case 2:
        return bytes.readUInt16LE();
      case 3:
        return bytes.readInt16LE();
      case 4:
        return bytes.readUInt32LE();
      case 5:
        return bytes.readInt32LE();
      case 6:
        return bytes.readFloatLE();
      case 10:
        return Number(bytes.readBigUInt64LE());
      case 11:
        return Number(bytes.readBigInt64LE());
      default:
        return bytes.readDoubleLE();
    }
  }

  async count(most: number, what: string): Promise<number> {
    const count = await this.number(10, what);
    if (count <= most) return count;
    throw new GgufError(this.path, `announces ${count} ${what}; there can be ${most} at most. ${again}.`);
  }

  async text(what: string): Promise<string> {
    const length = await this.number(10, what);
    return (await this.take(length, what)).toString('utf8');
  }

  async value(type: number, what: string): Promise<PlainValue> {
    if (++this.values % turn === 0) await setImmediate();
    if (type === stringType) return this.text(what);
    if (type === 7) return (await this.number(type, what)) !== 0;
    if (type in sizes) return this.number(type, what);
    if (type !== arrayType) throw new GgufError(this.path, `has a value of type ${type} for ${what}`);
    const inner = await this.number(4, what);
    if (inner === arrayType) throw new UnsupportedError(`${this.path}: ${what} is a list of lists`);
    const count = await this.count(this.size, `entries of ${what}`);
    const values: PlainValue[] = [];
    for (let i = 0; i < count; i++) values.push(await this.value(inner, what));
    return values;
  }
}

/**
 * Reads metadata and tensors' places.
 *
 * Throws GgufError for a file that is not GGUF, is cut off or tells of bytes that it does not have, UnsupportedError for
 * another version and for number formats that are not read here, and LowrankError `file_not_found` and `file_unreadable`.
 */
export async function readGgufHeader(path: string): Promise<GgufFile> {
  let handle: FileHandle;
  try {
    handle = await open(path, 'r');
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code === 'ENOENT' ? 'file_not_found' : 'file_unreadable';
    throw new LowrankError(code, `${path} ${fileProblem(cause)}`, { cause, details: { file: path } });
  }
  try {
    const { size } = await handle.stat();
    const cursor = new Cursor(handle, path, size);
    await readVersion(cursor, size);
    const tensorCount = await cursor.count(maxTensors, 'tensors');
    const entryCount = await cursor.count(maxEntries, 'entries of metadata');
    const metadata = await readMetadata(cursor, entryCount);
    return { path, size, metadata, tensors: await readTensors(cursor, tensorCount, metadata, size) };
  } finally {
    await handle.close();
  }
}

async function readVersion(cursor: Cursor, size: number): Promise<void> {
  const { path } = cursor;
  const start = (await cursor.take(Math.min(size, 64), 'its first bytes')).subarray();
  if (isGitLfsPointer(start)) throw new GgufError(path, gitLfsPointer);
  cursor.at = 0;
  const magic = await cursor.take(4, 'its first bytes');
  if (magic.readUInt32LE() !== GGUF_MAGIC) throw new GgufError(path, `is not GGUF. ${again}.`);
  const bytes = await cursor.take(4, 'its version');
  const version = bytes.readUInt32LE();
  if (version === 2 || version === 3) return;
  const isSwapped = [2, 3].includes(bytes.readUInt32BE());
  throw new UnsupportedError(
    isSwapped
      ? `${path} is big-endian GGUF; only little-endian files are read`
      : `${path} is GGUF of version ${version}; versions 2 and 3 are read`,
    { file: path, version },
  );
}

async function readMetadata(cursor: Cursor, count: number): Promise<Map<string, PlainValue>> {
  const metadata = new Map<string, PlainValue>();
  for (let i = 0; i < count; i++) {
    const key = await cursor.text(`the name of entry ${i} of its metadata`);
    metadata.set(key, await cursor.value(await cursor.number(4, key), key));
  }
  return metadata;
}

async function readTensors(
  cursor: Cursor,
  count: number,
  metadata: ReadonlyMap<string, PlainValue>,
  size: number,
): Promise<Map<string, GgufTensor>> {
  const { path } = cursor;
  const found: { name: string; type: BlockType; shape: number[]; offset: number }[] = [];
  const names = new Set<string>();
  for (let i = 0; i < count; i++) {
    const name = await cursor.text(`the name of tensor ${i}`);
    const what = `the place of tensor ${name}`;
    if (names.has(name)) throw new GgufError(path, `holds tensor ${name} twice. ${again}.`);
    names.add(name);
    const dimensions = await cursor.number(4, what);
    if (dimensions > maxDimensions) throw new GgufError(path, `gives tensor ${name} ${dimensions} axes`);
    const shape: number[] = [];
    for (let axis = 0; axis < dimensions; axis++) shape.unshift(await cursor.number(10, what));
    const id = await cursor.number(4, what);
    const offset = await cursor.number(10, what);
    const type = blockTypeOf(id);
    if (!type) {
      const known = Object.keys(decoders).join(', ');
      throw new UnsupportedError(
        `${path}: tensor ${name} is stored as ${typeName(id)}, which is not read; known formats: ${known}`,
        { file: path, tensor: name, type: id },
      );
    }
    found.push({ name, type, shape, offset });
  }
  const alignment = metadata.get('general.alignment') ?? GGUF_ALIGNMENT;
  if (typeof alignment !== 'number' || !Number.isInteger(alignment) || alignment < 1) {
    throw new GgufError(path, `has general.alignment ${JSON.stringify(alignment)}`);
  }
  const start = aligned(cursor.at, alignment);
  const tensors = new Map<string, GgufTensor>();
  let end = 0;
  for (const { name, type, shape, offset } of found.toSorted((a, b) => a.offset - b.offset)) {
    const { blockSize } = GGUF_TENSOR_TYPES[type];
    const columns = shape.at(-1) ?? 1;
    if (shape.some((length) => length < 1) || columns % blockSize !== 0) {
      throw new GgufError(path, `gives tensor ${name} of ${type} the shape [${shape.join(', ')}]`);
    }
    const byteLength = ggufTensorBytes(type, shape);
    if (offset < end) throw new GgufError(path, `has tensor ${name} overlap the one before it. ${again}.`);
    if (!(start + offset + byteLength <= size)) {
      throw new GgufError(
        path,
        `ends at byte ${size}, but tensor ${name} goes on to byte ${start + offset + byteLength}: it was cut off. ${again}.`,
        { tensor: name, size, needed: start + offset + byteLength },
      );
    }
    end = offset + byteLength;
    tensors.set(name, { type, shape, offset: start + offset, byteLength });
  }
  return tensors;
}
