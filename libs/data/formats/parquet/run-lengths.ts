/** Parquet's hybrid of runs and packed bits, in which levels and places in dictionaries are written. */

/**
 * Reads `count` whole numbers of `width` bits from bytes that may lie about their lengths. Throws RangeError where there are
 * fewer.
 */
export function readRuns(
  bytes: Uint8Array,
  { width, count }: { readonly width: number; readonly count: number },
): Int32Array {
  if (width > 32) throw new RangeError(`numbers of ${width} bits`);
  const numbers = new Int32Array(count);
  if (width === 0) return numbers;
  let at = 0;
  let seen = 0;
  const byte = (): number => {
    if (at >= bytes.length) throw new RangeError('numbers end early');
    return bytes[at++]!;
  };
  while (seen < count) {
    let header = 0;
    for (let shift = 0; ; shift += 7) {
      if (shift > 28) throw new RangeError('a run is too long');
      const next = byte();
      header += (next & 0x7f) * 2 ** shift;
      if (next < 0x80) break;
    }
    if (header % 2 === 1) {
      const packed = Math.min(Math.floor(header / 2) * 8, count - seen);
      const needed = Math.ceil((packed * width) / 8);
      if (at + needed > bytes.length) throw new RangeError('packed numbers end early');
      unpack(bytes.subarray(at), width, numbers.subarray(seen, seen + packed));
      seen += packed;
      at += Math.floor(header / 2) * width;
    } else {
      let value = 0;
      for (let shift = 0; shift < width; shift += 8) value |= byte() << shift;
      const end = Math.min(count, seen + header / 2);
      if (end === seen) continue;
      numbers.fill(value, seen, end);
      seen = end;
    }
  }
  return numbers;
}

function unpack(bytes: Uint8Array, width: number, numbers: Int32Array): void {
  const mask = 2 ** width;
  let held = 0;
  let bits = 0;
  let at = 0;
  for (let i = 0; i < numbers.length; i++) {
    while (bits < width) {
      held += bytes[at++]! * 2 ** bits;
      bits += 8;
    }
    numbers[i] = held % mask;
    held = Math.floor(held / mask);
    bits -= width;
  }
}
