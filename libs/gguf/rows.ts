/** Numbers of GGUF tensors, read and decoded in pieces. */
import { open } from 'node:fs/promises';
import { decoders } from '#gguf/decode.js';
import { GGUF_TENSOR_TYPES } from '#gguf/format.js';
import { GgufError, type GgufTensor } from '#gguf/read.js';

/** About as many bytes are read and decoded at a time. */
const pieceBytes = 1 << 22;

/** The numbers of a tensor in their order as float32. Throws GgufError if the file has become shorter. */
export async function readGgufRows(
  path: string,
  { type, shape, offset, byteLength }: GgufTensor,
): Promise<Float32Array> {
  const numbers = new Float32Array(shape.reduce((product, length) => product * length, 1));
  const handle = await open(path, 'r');
  try {
    await decodePieces(type, byteLength, numbers, async (from, length) => {
      const bytes = new Uint8Array(length);
      const { bytesRead } = await handle.read(bytes, 0, length, offset + from);
      if (bytesRead < length) throw new GgufError(path, 'became shorter while it was read');
      return bytes;
    });
    return numbers;
  } finally {
    await handle.close();
  }
}

/** Decodes blocks in pieces, so that they do not stand in memory beside all their numbers. */
export async function decodePieces(
  type: GgufTensor['type'],
  byteLength: number,
  numbers: Float32Array,
  read: (from: number, length: number) => Promise<Uint8Array>,
): Promise<void> {
  const { blockBytes: bytes, blockSize: size } = GGUF_TENSOR_TYPES[type];
  const piece = Math.max(1, Math.floor(pieceBytes / bytes)) * bytes;
  for (let from = 0; from < byteLength; from += piece) {
    const length = Math.min(piece, byteLength - from);
    const at = (from / bytes) * size;
    decoders[type](await read(from, length), numbers.subarray(at, at + (length / bytes) * size));
  }
}
