/** Numbers in eight bits as ggml stores them (Q8_0): blocks of 32, each with a float16 step, then 32 whole numbers. */
import { roundToFloat16 } from '#base/half-precision.js';
import { GGUF_TENSOR_TYPES } from '#gguf/format.js';

const { blockSize, blockBytes } = GGUF_TENSOR_TYPES.Q8_0;

/** Quantises whole blocks of float32 numbers, to the bytes that ggml's reference makes of them. */
export function quantizeQ8_0(values: Float32Array): Uint8Array {
  const blocks = values.length / blockSize;
  const bytes = new Uint8Array(blocks * blockBytes);
  const steps = new Float32Array(blocks);
  const whole = new Int8Array(bytes.buffer);
  for (let block = 0; block < blocks; block++) {
    const first = block * blockSize;
    let largest = 0;
    for (let i = first; i < first + blockSize; i++) largest = Math.max(largest, Math.abs(values[i]!));
    const step = Math.fround(largest / 127);
    steps[block] = step;
    const inverse = step === 0 ? 0 : Math.fround(1 / step);
    for (let i = 0; i < blockSize; i++) {
      const scaled = Math.fround(values[first + i]! * inverse);
      // Halves are rounded away from zero, as roundf does.
      whole[block * blockBytes + 2 + i] = Math.sign(scaled) * Math.floor(Math.abs(scaled) + 0.5);
    }
  }
  const halves = roundToFloat16(steps);
  const view = new DataView(bytes.buffer);
  for (let block = 0; block < blocks; block++) view.setUint16(block * blockBytes, halves[block]!, true);
  return bytes;
}
