/** Whether integer products are exact on this processor. */
import { LowrankError } from '#base/errors.js';
import { capabilitiesOf } from '#runtime/capabilities.js';
import type { Device } from '#runtime/device.js';
import { encodeModel } from '#runtime/encode.js';
import { OnnxBuilder } from '#runtime/lowering/builder.js';
import { Session } from '#runtime/session.js';

const size = 64;
const largest = { uint8: 255, int8: 127 };

/**
 * Throws LowrankError `device_unsuitable` on processors whose sums of 8-bit products overflow: without VNNI, ONNX Runtime
 * adds two of them in 16 bits.
 */
export async function requireExactIntegers(device: Device): Promise<void> {
  const builder = new OnnxBuilder(capabilitiesOf[device]);
  const input = { name: 'x', shape: [size, size], type: 'float32' as const };
  const codes = builder.cast(input, 'uint8');
  const weight = builder.constant(new Uint8Array(size * size).fill(largest.int8), [size, size], 'int8');
  const product = builder.emit('MatMulInteger', [codes, weight], [size, size], {}, { type: 'int32' });
  const output = builder.cast(product, 'float32');
  const model = {
    inputs: [input],
    outputs: [output],
    nodes: builder.finishedNodes,
    inline: builder.inline,
    external: [],
  };
  const session = await Session.create(encodeModel(model), {
    device,
    threads: 1,
    spin: false,
    weightFolder: undefined,
  });
  const result = new Float32Array(size * size);
  try {
    await session.run(
      [{ value: input, array: new Float32Array(size * size).fill(largest.uint8) }],
      [{ value: output, array: result }],
    );
  } finally {
    await session.release();
  }
  if (result.every((value) => value === size * largest.uint8 * largest.int8)) return;
  throw new LowrankError(
    'device_unsuitable',
    'base_precision int8: sums of 8-bit products overflow on this processor, which has no VNNI: choose base_precision as-stored, or a machine whose processor has avx512_vnni, avx_vnni or is ARM',
    { details: { device } },
  );
}
