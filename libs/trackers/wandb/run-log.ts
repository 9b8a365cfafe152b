/**
 * The log of a run file of Weights & Biases: records in blocks of 32 KiB as LevelDB frames its log, but with the CRC-32 of
 * zlib, after a header of 7 bytes.
 */
import { crc32 } from 'node:zlib';

const blockBytes = 32_768;
const headBytes = 7;
/** Types of frames. */
const whole = 1;
const first = 2;
const middle = 3;
const last = 4;

/** `:W&B`, 0xBEE1, version 0. */
const fileHeader = Buffer.from([0x3a, 0x57, 0x26, 0x42, 0xe1, 0xbe, 0]);

/** Frames records one after the other. */
export class RunLog {
  /** Bytes of the current block that are taken. */
  private taken = fileHeader.length;

  start(): Uint8Array {
    return fileHeader;
  }

  frame(record: Uint8Array): Uint8Array {
    const parts: Uint8Array[] = [];
    let at = 0;
    let isFirst = true;
    do {
      const room = blockBytes - this.taken;
      if (room < headBytes) {
        parts.push(Buffer.alloc(room));
        this.taken = 0;
        continue;
      }
      const piece = record.subarray(at, at + room - headBytes);
      at += piece.length;
      const isLast = at === record.length;
      const type = isFirst ? (isLast ? whole : first) : isLast ? last : middle;
      isFirst = false;
      parts.push(head(piece, type), piece);
      this.taken = (this.taken + headBytes + piece.length) % blockBytes;
    } while (at < record.length);
    return Buffer.concat(parts);
  }
}

function head(piece: Uint8Array, type: number): Buffer {
  const bytes = Buffer.alloc(headBytes);
  bytes.writeUInt32LE(crc32(piece, crc32(Buffer.from([type]))), 0);
  bytes.writeUInt16LE(piece.length, 4);
  bytes.writeUInt8(type, 6);
  return bytes;
}
