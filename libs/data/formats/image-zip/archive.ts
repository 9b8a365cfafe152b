/** The members of a ZIP archive, listed and read one at a time; nothing of it is written anywhere. */
import { callbackify, promisify } from 'node:util';
import { crc32, inflateRaw, inflateRawSync } from 'node:zlib';
import yauzl from 'yauzl';
import { type RandomAccess, SpanMissing } from '#data/formats/random-access.js';

/** More files than any data set that is one archive. */
export const maxMembers = 200_000;
/** The list of members is read so much at a time. */
const windowBytes = 256 * 1024;
/** Of what is unpacked at a time. */
const chunkBytes = 1 << 20;
const headerBytes = 30;
const headerStart = 0x04034b50;
const fileType = 0o170_000;
const plainFile = 0o100_000;

/** So little is unpacked sooner than another thread is told of it. */
const quickBytes = 64 * 1024;

const inflate = promisify(inflateRaw);

/** What is wrong with an archive, or with a member of it. */
export class ArchiveProblem extends Error {
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

export interface Member {
  /** With `/` between folders. */
  readonly name: string;
  /** Unpacked. */
  readonly bytes: number;
  /** As it lies in the archive. */
  readonly packedBytes: number;
  /** Where it begins. */
  readonly offset: number;
  readonly crc: number;
  readonly method: number;
  readonly isEncrypted: boolean;
  /** What Unix says that it is; 0 where another system made the archive. */
  readonly type: number;
}

/** yauzl's view of a file that is read from anywhere. */
class Reader extends yauzl.RandomAccessReader {
  private window: { readonly start: number; readonly bytes: Buffer } | undefined;

  constructor(private readonly file: RandomAccess) {
    super();
  }

  override read(
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
    callback: (error: Error | null, bytesRead?: number) => void,
  ): void {
    callbackify(async () => (await this.piece(position, length)).copy(buffer, offset))(callback);
  }

  private async piece(start: number, length: number): Promise<Buffer> {
    const { file, window } = this;
    const isHere = window && window.start <= start && start + length <= window.start + window.bytes.length;
    if (isHere) return window.bytes.subarray(start - window.start, start - window.start + length);
    const bytes = await file.read(start, Math.max(length, Math.min(windowBytes, file.size - start)));
    this.window = { start, bytes };
    return bytes.subarray(0, length);
  }
}

export class Archive {
  private constructor(
    private readonly file: RandomAccess,
    /** Files in the order of the archive, without what systems add. */
    readonly members: readonly Member[],
  ) {}

  /** Lists an archive. Throws ArchiveProblem, and the errors of the file. */
  static async open(file: RandomAccess): Promise<Archive> {
    const members = new Map<string, Member>();
    const zip = await soundly('', () =>
      yauzl.fromRandomAccessReaderPromise(new Reader(file), file.size, {
        lazyEntries: true,
        autoClose: false,
      }),
    );
    await soundly('', async () => {
      for await (const entry of zip.eachEntry()) {
        const name = entry.fileName;
        if (name.endsWith('/') || isOfSystem(name)) continue;
        if (members.has(name))
          throw new ArchiveProblem('double_member', `${name} is there twice. Pack it once.`);
        members.set(name, {
          name,
          bytes: entry.uncompressedSize,
          packedBytes: entry.compressedSize,
          offset: entry.relativeOffsetOfLocalHeader,
          crc: entry.crc32,
          method: entry.compressionMethod,
          isEncrypted: (entry.generalPurposeBitFlag & 1) !== 0,
          type: (entry.externalFileAttributes >>> 16) & fileType,
        });
        if (members.size <= maxMembers) continue;
        const message = `the ZIP archive has more than ${maxMembers} files. Split it into several.`;
        throw new ArchiveProblem('too_many_members', message);
      }
    });
    return new Archive(file, [...members.values()]);
  }

  /**
   * The content of a member of at most so many bytes. Throws ArchiveProblem with its name, and the errors of the file.
   */
  async read(member: Member, maxBytes: number): Promise<Buffer> {
    const { name, bytes, packedBytes, type, isEncrypted, method } = member;
    const refuse = (code: string, what: string) => new ArchiveProblem(code, `${name} ${what}`);
    if (type !== 0 && type !== plainFile) {
      throw refuse('packing_unsupported', 'is a link or no plain file. Pack the file itself.');
    }
    if (isEncrypted) throw refuse('packing_unsupported', 'is encrypted. Pack it without a password.');
    if (method !== 0 && method !== 8) {
      const what = `is packed by method ${method}. Pack it with deflate, as zip does.`;
      throw refuse('packing_unsupported', what);
    }
    if (bytes > maxBytes || packedBytes > maxBytes + windowBytes) {
      throw refuse('member_too_large', `has ${Math.max(bytes, packedBytes)} bytes; ${maxBytes} is the most.`);
    }
    const packed = await this.packed(member);
    const limits = { maxOutputLength: bytes + 1, chunkSize: Math.min(bytes + 64, chunkBytes) };
    const unpack = async () =>
      bytes <= quickBytes ? inflateRawSync(packed, limits) : await inflate(packed, limits);
    const content = method === 0 ? packed : await soundly(name, unpack);
    if (content.length === bytes && crc32(content) === member.crc) return content;
    throw refuse('packing_damaged', 'has another size or checksum than the ZIP archive says. Pack it again.');
  }

  /** What stands behind the header of a member, whose length only the header says. */
  private async packed({ name, offset, packedBytes }: Member): Promise<Buffer> {
    // Mostly all of it: what else a header may have is seldom longer.
    const usual = headerBytes + 3 * name.length + 64;
    const first = await this.file.read(offset, usual + packedBytes);
    if (first.length >= headerBytes && first.readUInt32LE(0) === headerStart) {
      const start = headerBytes + first.readUInt16LE(26) + first.readUInt16LE(28);
      const isHere = start + packedBytes <= first.length;
      const packed = isHere
        ? first.subarray(start, start + packedBytes)
        : await this.file.read(offset + start, packedBytes);
      if (packed.length === packedBytes) return packed;
    }
    const message = `${name} is not where the ZIP archive says. Pack or upload it again.`;
    throw new ArchiveProblem('packing_damaged', message);
  }
}

/** What unpackers of some systems put beside the files of people. */
function isOfSystem(name: string): boolean {
  return /(^|\/)(__MACOSX\/|\.[^/]*($|\/)|Thumbs\.db$|desktop\.ini$)/.test(name);
}

/** Tells what yauzl and zlib find wrong as a problem; names are checked there: none is absolute or leads out. */
async function soundly<T>(name: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const { syscall, message } = error as NodeJS.ErrnoException;
    if (error instanceof ArchiveProblem || error instanceof SpanMissing || syscall !== undefined) throw error;
    const what = name === '' ? 'the ZIP archive cannot be read' : `${name} cannot be unpacked`;
    throw new ArchiveProblem('packing_damaged', `${what} (${message}). Pack or upload it again.`);
  }
}
