/** Numbers as the tensors of a GGUF file hold them. */
import { LowrankError } from '#base/errors.js';
import { roundToBfloat16, roundToFloat16 } from '#base/half-precision.js';
import type { GgufTensorType } from '#gguf/format.js';
import { quantizeQ8_0 } from '#gguf/q8-0.js';

/** From here on a number rounds to an infinite float16. */
const tooLargeForFloat16 = 65_520;

/**
 * The stored bytes of numbers; those of eight bits must be whole blocks.
 *
 * Throws LowrankError `weight_not_finite` for a number that is not finite or too large for the type.
 */
export function encodeFloats(numbers: Float32Array, type: GgufTensorType, name: string): Uint8Array {
  // The step of a block in eight bits is a float16 too.
  const limit = type === 'F16' ? tooLargeForFloat16 : type === 'Q8_0' ? tooLargeForFloat16 * 127 : Infinity;
  const at = numbers.findIndex((value) => !(Math.abs(value) < limit));
  if (at >= 0) {
    const value = numbers[at]!;
    throw new LowrankError(
      'weight_not_finite',
      Number.isFinite(value)
        ? `${name} holds ${value}, too large for ${type}: export as bf16 or f32`
        : `${name} holds ${value}: the model or an adapter is damaged`,
      { details: { tensor: name, index: at, type } },
    );
  }
  if (type === 'Q8_0') return quantizeQ8_0(numbers);
  const stored =
    type === 'F16' ? roundToFloat16(numbers) : type === 'BF16' ? roundToBfloat16(numbers) : numbers;
  return new Uint8Array(stored.buffer, stored.byteOffset, stored.byteLength);
}
