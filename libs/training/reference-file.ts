/**
 * What the reference says of the blocks of a data set, kept beside them: a record for each block, in their order.
 *
 *     record   values float32 [values of a block] | CRC-32 of the block's number and the values, uint32
 *
 * Little-endian. A record that is missing or torn is computed again, so a run that was killed goes on where it was, and two
 * runs that compute the same write the same.
 */
import { mkdirSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { closeSync, openSync, readSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { dirname } from 'node:path';
import { crc32 } from 'node:zlib';
import { isDiskFull, LowrankError } from '#base/errors.js';

export class ReferenceFile {
  private constructor(
    readonly path: string,
    private readonly descriptor: number,
    private readonly valuesPerBlock: number,
    readonly blockCount: number,
  ) {}

  /** Opens a file, or makes an empty one. */
  static open(path: string, shape: { blockCount: number; valuesPerBlock: number }): ReferenceFile {
    mkdirSync(dirname(path), { recursive: true });
    // Never emptied: another run may be writing the same.
    return new ReferenceFile(path, openSync(path, 'a+'), shape.valuesPerBlock, shape.blockCount);
  }

  /** The values of a block; undefined if they are not there. */
  find(index: number): Float32Array | undefined {
    const bytes = Buffer.alloc(4 * this.valuesPerBlock + 4);
    const read = readSync(this.descriptor, bytes, 0, bytes.length, index * bytes.length);
    const end = bytes.length - 4;
    if (read < bytes.length || bytes.readUInt32LE(end) !== checksum(index, bytes.subarray(0, end)))
      return undefined;
    return Float32Array.from({ length: this.valuesPerBlock }, (_, i) => bytes.readFloatLE(4 * i));
  }

  /** The values of a block. Throws LowrankError `prepared_data_corrupt` if they are not there. */
  of(index: number): Float32Array {
    const values = this.find(index);
    if (values) return values;
    throw new LowrankError(
      'prepared_data_corrupt',
      `the reference of block ${index} in ${this.path} is damaged: delete the file, it is computed again`,
      { details: { path: this.path, index } },
    );
  }

  /** Blocks whose values are not there. */
  missing(): number[] {
    return Array.from({ length: this.blockCount }, (_, index) => index).filter((index) => !this.find(index));
  }

  /** Writes the values of blocks. Throws LowrankError `disk_full`. */
  async write(values: ReadonlyMap<number, Float32Array>): Promise<void> {
    let file: FileHandle | undefined;
    try {
      file = await open(this.path, 'r+');
      for (const [index, own] of values) {
        const bytes = Buffer.alloc(4 * own.length + 4);
        own.forEach((value, i) => bytes.writeFloatLE(value, 4 * i));
        bytes.writeUInt32LE(checksum(index, bytes.subarray(0, -4)), bytes.length - 4);
        await file.write(bytes, 0, bytes.length, index * bytes.length);
      }
    } catch (cause) {
      if (!isDiskFull(cause)) throw cause;
      const message = `no room to write ${this.path}: free some space and start the run again`;
      throw new LowrankError('disk_full', message, { cause, details: { file: this.path } });
    } finally {
      await file?.close();
    }
  }

  /** SHA-256 of all values. Throws as `of`. */
  digest(): string {
    const hash = createHash('sha256');
    for (let index = 0; index < this.blockCount; index++) {
      const { buffer, byteOffset, byteLength } = this.of(index);
      hash.update(new Uint8Array(buffer, byteOffset, byteLength));
    }
    return hash.digest('hex');
  }

  close(): void {
    closeSync(this.descriptor);
  }
}

function checksum(index: number, values: Buffer): number {
  return crc32(values, crc32(String(index)));
}
