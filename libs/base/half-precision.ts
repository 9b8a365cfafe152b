/** bfloat16 and IEEE float16, the two ways of storing a number in two bytes, from and to float32. */

/** Writes bfloat16 numbers as float32, exactly, to `target` from index `at` on. */
export function upcastBfloat16(source: Uint16Array, target: Float32Array, at = 0): void {
  const bits = new Uint32Array(target.buffer, target.byteOffset, target.length);
  for (let i = 0; i < source.length; i++) bits[at + i] = source[i]! << 16;
}

let float16Table: Float32Array | undefined;

/** Writes IEEE float16 numbers as float32, exactly, to `target` from index `at` on. */
export function upcastFloat16(source: Uint16Array, target: Float32Array, at = 0): void {
  float16Table ??= Float32Array.from({ length: 0x10000 }, (_, half) => float16Value(half));
  for (let i = 0; i < source.length; i++) target[at + i] = float16Table[source[i]!]!;
}

/** Rounds float32 numbers to bfloat16, to nearest, ties to even; NaN stays NaN. */
export function roundToBfloat16(source: Float32Array): Uint16Array {
  return mapBits(source, (x) =>
    (x & 0x7fffffff) > 0x7f800000 ? (x >>> 16) | 0x40 : (x + 0x7fff + ((x >>> 16) & 1)) >>> 16,
  );
}

/** Rounds float32 numbers to IEEE float16, to nearest, ties to even; too large a number becomes infinity. */
export function roundToFloat16(source: Float32Array): Uint16Array {
  return mapBits(source, float16Bits);
}

function mapBits(source: Float32Array, convert: (bits: number) => number): Uint16Array {
  const bits = new Uint32Array(source.buffer, source.byteOffset, source.length);
  const result = new Uint16Array(source.length);
  for (let i = 0; i < bits.length; i++) result[i] = convert(bits[i]!);
  return result;
}

function float16Value(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >>> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : NaN;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (0x400 + fraction) * 2 ** (exponent - 25);
}

function float16Bits(x: number): number {
  const sign = (x >>> 16) & 0x8000;
  const magnitude = x & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  // 65520 = the midpoint between the largest float16 and what would follow it.
  if (magnitude >= 0x477ff000) return sign | 0x7c00;
  const exponent = magnitude >>> 23;
  if (exponent >= 113) {
    const rebased = magnitude - (112 << 23);
    return sign | ((rebased + 0xfff + ((rebased >>> 13) & 1)) >>> 13);
  }
  // Below the smallest half of a subnormal step everything rounds to zero; 2^-25 itself ties to even, which is zero too.
  if (exponent < 102) return sign;
  const fraction = 0x800000 | (magnitude & 0x7fffff);
  const shift = 126 - exponent;
  const half = 1 << (shift - 1);
  const odd = (fraction >>> shift) & 1;
  return sign | ((fraction + half - 1 + odd) >>> shift);
}
