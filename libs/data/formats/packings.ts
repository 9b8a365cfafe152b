/** What data files come packed in: gzip, or a ZIP archive of one file. */
import { crc32, createGunzip, createInflateRaw, type Gunzip, type InflateRaw } from 'node:zlib';
import type { ProblemCollector } from '#data/data-error.js';

export interface UnpackOptions {
  readonly problems: ProblemCollector;
  /** Whether the bytes are only the beginning of a file: that they end early is no problem then. */
  readonly isBeginning: boolean;
}

export interface Packing {
  readonly name: 'gzip' | 'zip';
  /** How a file of it begins. */
  readonly magic: Buffer;
  /** The bytes of the one file in it. What is wrong with it is a problem, and ends it. */
  unpack(chunks: AsyncIterable<Buffer>, options: UnpackOptions): AsyncGenerator<Buffer>;
}

/** Text never shrinks so far; up to the least size it may, since a small file harms nobody. */
const maxTimes = 200;
const minBomb = 64 * 1024 * 1024;
/** So little is fed at a time that what comes of it, a thousand times as much at most, has room in memory. */
const pieceBytes = 16 * 1024;

class BadPacking extends Error {
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

/** Tells what is wrong as a problem of the file. */
async function* reporting(
  what: string,
  source: AsyncGenerator<Buffer>,
  { problems, isBeginning }: UnpackOptions,
): AsyncGenerator<Buffer> {
  try {
    yield* source;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (error instanceof BadPacking) {
      if (error.code === 'packing_truncated' && isBeginning) return;
      problems.add(0, '', error.code, message);
    } else if (code?.startsWith('Z_')) {
      problems.add(0, '', 'packing_damaged', `the ${what} is damaged (${message}). Pack or upload it again.`);
    } else {
      throw error;
    }
    problems.stop();
  }
}

/** Bytes that are taken in counts, whatever chunks they come in. */
class Bytes {
  private rest: Buffer = Buffer.alloc(0);
  private readonly iterator: AsyncIterator<Buffer>;
  taken = 0;

  constructor(chunks: AsyncIterable<Buffer>) {
    this.iterator = chunks[Symbol.asyncIterator]();
  }

  /** Up to so many bytes, none at the end; valid until the next are taken. */
  async some(most: number): Promise<Buffer> {
    if (this.rest.length === 0) {
      const { value, done } = await this.iterator.next();
      if (done === true) return Buffer.alloc(0);
      this.rest = value;
    }
    const bytes = this.rest.subarray(0, most);
    this.rest = this.rest.subarray(bytes.length);
    this.taken += bytes.length;
    return bytes;
  }

  /** As many as are asked for, or what is left. */
  async upTo(count: number): Promise<Buffer> {
    const parts: Buffer[] = [];
    let length = 0;
    while (length < count) {
      const bytes = Buffer.from(await this.some(count - length));
      if (bytes.length === 0) break;
      parts.push(bytes);
      length += bytes.length;
    }
    return Buffer.concat(parts);
  }

  giveBack(bytes: Buffer): void {
    this.taken -= bytes.length;
    this.rest = Buffer.concat([bytes, this.rest]);
  }

  async close(): Promise<void> {
    await this.iterator.return?.();
  }
}

/** What an engine makes of bytes up to the end of what it unpacks; what comes after that is given back. */
async function* inflate(bytes: Bytes, engine: Gunzip | InflateRaw): AsyncGenerator<Buffer> {
  const made: Buffer[] = [];
  let failure: Error | undefined;
  engine.on('data', (piece: Buffer) => made.push(piece));
  const failed = new Promise<void>((resolve) =>
    engine.on('error', (error) => {
      failure = error;
      resolve();
    }),
  );
  const over = new Promise<void>((resolve) => engine.once('end', resolve));
  const settled = () => new Promise<void>((resolve) => setImmediate(resolve));
  const start = bytes.taken;
  let length = 0;
  try {
    while (!engine.readableEnded) {
      const piece = Buffer.from(await bytes.some(pieceBytes));
      const isLast = piece.length === 0;
      const before = engine.bytesWritten;
      if (isLast) engine.end();
      const written = isLast ? over : new Promise<void>((resolve) => engine.write(piece, () => resolve()));
      await Promise.race([failed, written]);
      await settled();
      for (const out of made.splice(0)) {
        length += out.length;
        if (length > minBomb && length > maxTimes * (bytes.taken - start)) throw bomb();
        yield out;
      }
      if (failure) throw (failure as NodeJS.ErrnoException).code === 'Z_BUF_ERROR' ? truncated() : failure;
      const used = engine.bytesWritten - before;
      if (isLast || used < piece.length) {
        bytes.giveBack(piece.subarray(used));
        break;
      }
    }
  } finally {
    engine.destroy();
  }
}

function truncated(): BadPacking {
  return new BadPacking(
    'packing_truncated',
    'the file ends in the middle of what is packed. Copy or upload it again.',
  );
}

function trailing(): BadPacking {
  return new BadPacking(
    'packing_damaged',
    'something that is no gzip follows what is packed. Pack the file again.',
  );
}

function bomb(): BadPacking {
  return new BadPacking(
    'unpacks_too_far',
    `the file unpacks to more than ${maxTimes} times its size, as no text does. Give it unpacked if it is meant so.`,
  );
}

/** Bytes that an engine gives at a time. */
const chunkSize = 256 * 1024;

async function* gunzip(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const bytes = new Bytes(chunks);
  try {
    yield* inflate(bytes, createGunzip({ chunkSize }));
    // Some tools fill up with zeros.
    for (let rest = await bytes.some(chunkSize); rest.length > 0; rest = await bytes.some(chunkSize)) {
      if (rest.some((byte) => byte !== 0)) throw trailing();
    }
  } finally {
    await bytes.close();
  }
}

const localHeader = 0x04034b50;
const descriptor = 0x08074b50;
const largeEntry = 0xffffffff;

/** Reads an archive from its beginning, since the list of its files stands at its end, which may not be there. */
async function* unzip(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const bytes = new Bytes(chunks);
  try {
    const header = await bytes.upTo(30);
    if (header.length < 30) throw truncated();
    const flags = header.readUInt16LE(6);
    const method = header.readUInt16LE(8);
    const name = (await bytes.upTo(header.readUInt16LE(26))).toString('utf8');
    await bytes.upTo(header.readUInt16LE(28));
    const size = header.readUInt32LE(18);
    const comesLater = (flags & 8) !== 0;
    if (name.endsWith('/')) throw several();
    if ((flags & 1) !== 0)
      throw new BadPacking('packing_unsupported', `${name} is encrypted. Pack it without a password.`);
    let crc = 0;
    let length = 0;
    const entry = method === 8 ? inflate(bytes, createInflateRaw({ chunkSize })) : undefined;
    if (!entry && (method !== 0 || comesLater || size === largeEntry)) {
      throw new BadPacking(
        'packing_unsupported',
        `${name} is packed by method ${method}. Pack it with deflate, as zip does.`,
      );
    }
    const start = bytes.taken;
    for await (const piece of entry ?? stored(bytes, size)) {
      crc = crc32(piece, crc);
      length += piece.length;
      yield piece;
    }
    const packed = bytes.taken - start;
    const facts = comesLater ? await readDescriptor(bytes) : header.subarray(14, 26);
    checkFacts(facts, { crc, packed, length, isLarge: size === largeEntry });
    const next = await bytes.upTo(4);
    if (next.length === 4 && next.readUInt32LE() === localHeader) throw several();
    // The list of files, which names the one again.
    while ((await bytes.some(chunkSize)).length > 0);
  } finally {
    await bytes.close();
  }
}

async function* stored(bytes: Bytes, size: number): AsyncGenerator<Buffer> {
  for (let left = size; left > 0;) {
    const piece = await bytes.some(left);
    if (piece.length === 0) throw truncated();
    left -= piece.length;
    yield piece;
  }
}

/** CRC and sizes that stand after an entry, with or without a signature. */
async function readDescriptor(bytes: Bytes): Promise<Buffer> {
  const first = await bytes.upTo(4);
  if (first.length < 4) throw truncated();
  const facts =
    first.readUInt32LE() === descriptor ? await bytes.upTo(12) : Buffer.concat([first, await bytes.upTo(8)]);
  if (facts.length < 12) throw truncated();
  return facts;
}

/** Archives lie: about what is in them, or since they are damaged. Sizes of 64 bits are told elsewhere. */
function checkFacts(
  facts: Buffer,
  { crc, packed, length, isLarge }: { crc: number; packed: number; length: number; isLarge: boolean },
): void {
  const isRight =
    facts.readUInt32LE(0) === crc &&
    (isLarge ||
      length > 0xfffffffe ||
      (facts.readUInt32LE(4) === packed && facts.readUInt32LE(8) === length));
  if (isRight) return;
  throw new BadPacking(
    'packing_damaged',
    'the ZIP archive says another size or checksum of its file than it has. Pack or upload it again.',
  );
}

function several(): BadPacking {
  return new BadPacking('several_files', 'the ZIP archive has more than one file. Pack one data file alone.');
}

export const packings: readonly Packing[] = [
  {
    name: 'gzip',
    magic: Buffer.from([0x1f, 0x8b]),
    unpack: (chunks, options) => reporting('gzip file', gunzip(chunks), options),
  },
  {
    name: 'zip',
    magic: Buffer.from([0x50, 0x4b, 3, 4]),
    unpack: (chunks, options) => reporting('ZIP archive', unzip(chunks), options),
  },
];
