/** Prepared blocks on disk, read one at a time. */
import { closeSync, openSync, readSync } from 'node:fs';
import { LowrankError } from '#base/errors.js';
import {
  type BlockSize,
  decodeBlock,
  type PreparationReport,
  readFooter,
  recordBytes,
  verifyBlocks,
} from '#data/block-file.js';
import type { Block } from '#data/packing.js';

export class BlockStore {
  private constructor(
    readonly path: string,
    private readonly descriptor: number,
    readonly blockCount: number,
    private readonly size: BlockSize,
    /** Names the blocks by what they were made from: equal digests, equal blocks. */
    readonly digest: string,
    /** SHA-256 of the blocks themselves. */
    readonly contentDigest: string,
    readonly report: PreparationReport,
  ) {}

  /**
   * Opens a file of prepared blocks after checking all of it.
   * Throws LowrankError `prepared_data_corrupt`, or the signal's reason.
   */
  static async open(path: string, { signal }: { signal?: AbortSignal } = {}): Promise<BlockStore> {
    const footer = await readFooter(path);
    const contentDigest = await verifyBlocks(path, footer, signal);
    const { blockCount, digest, report } = footer;
    return new BlockStore(path, openSync(path, 'r'), blockCount, footer, digest, contentDigest, report);
  }

  /** Tokens in a block. */
  get blockLength(): number {
    return this.size.blockLength;
  }

  /**
   * Reads a block, synchronously: a training step blocks its thread anyway.
   * Throws RangeError for an index out of range and LowrankError `prepared_data_corrupt` for damaged bytes.
   */
  readBlock(index: number): Block {
    if (!Number.isInteger(index) || index < 0 || index >= this.blockCount) {
      throw new RangeError(`There is no block ${index}: the data has ${this.blockCount}.`);
    }
    const bytes = Buffer.alloc(recordBytes(this.size));
    let done = 0;
    while (done < bytes.length) {
      const read = readSync(this.descriptor, bytes, done, bytes.length - done, index * bytes.length + done);
      if (read === 0) break;
      done += read;
    }
    const block = decodeBlock(bytes, this.size);
    if (block) return block;
    throw new LowrankError(
      'prepared_data_corrupt',
      `Block ${index} of ${this.path} is damaged. Delete the file; it is made again from the data set.`,
      { details: { path: this.path, index } },
    );
  }

  /** Closes the file. No block can be read afterwards. */
  close(): void {
    closeSync(this.descriptor);
  }
}
