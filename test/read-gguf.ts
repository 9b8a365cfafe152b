/** Reads GGUF files for tests, plainly and whole. */
import { upcastFloat16 } from '#base/half-precision.js';
import { aligned, GGUF_TENSOR_TYPES, GGUF_VALUE_TYPES, ggufTensorBytes } from '#gguf/format.js';

export interface ReadGguf {
  readonly metadata: ReadonlyMap<string, unknown>;
  /** Shapes as in safetensors, numbers of F32, F16 and Q8_0 as float32. */
  readonly tensors: ReadonlyMap<
    string,
    { readonly type: string; readonly shape: readonly number[]; readonly data: Float32Array }
  >;
}

const named = <T extends object>(table: T, id: (value: T[keyof T]) => number) =>
  new Map(Object.entries(table).map(([name, value]) => [id(value as T[keyof T]), name]));
const valueTypes = named(GGUF_VALUE_TYPES, (id) => id);
const tensorTypes = named(GGUF_TENSOR_TYPES, ({ id }) => id);

export function readGguf(file: Buffer): ReadGguf {
  let at = 8;
  const u32 = () => file.readUInt32LE((at += 4) - 4);
  const u64 = () => Number(file.readBigUInt64LE((at += 8) - 8));
  const text = () => {
    const length = u64();
    return file.toString('utf8', at, (at += length));
  };
  const value = (type: string): unknown => {
    if (type === 'string') return text();
    if (type === 'uint32') return u32();
    if (type === 'int32') return file.readInt32LE((at += 4) - 4);
    if (type === 'float32') return file.readFloatLE((at += 4) - 4);
    if (type === 'bool') return file[at++] === 1;
    if (type !== 'array') throw new Error(`a value of type ${type}`);
    const of = valueTypes.get(u32())!;
    return Array.from({ length: u64() }, () => value(of));
  };
  const [tensorCount, valueCount] = [u64(), u64()];
  const metadata = new Map(
    Array.from({ length: valueCount }, () => [text(), value(valueTypes.get(u32())!)] as const),
  );
  const entries = Array.from({ length: tensorCount }, () => {
    const name = text();
    const shape = Array.from({ length: u32() }, u64).reverse();
    return { name, shape, type: tensorTypes.get(u32()) as keyof typeof GGUF_TENSOR_TYPES, offset: u64() };
  });
  const start = aligned(at);
  const tensors = entries.map(({ name, shape, type, offset }) => {
    const from = start + offset;
    const bytes = Uint8Array.from(file.subarray(from, from + ggufTensorBytes(type, shape)));
    return [name, { type, shape, data: decode(type, bytes) }] as const;
  });
  return { metadata, tensors: new Map(tensors) };
}

function decode(type: string, bytes: Uint8Array): Float32Array {
  if (type === 'F32') return new Float32Array(bytes.buffer);
  const halves = (buffer: ArrayBuffer) => {
    const source = new Uint16Array(buffer);
    const target = new Float32Array(source.length);
    upcastFloat16(source, target);
    return target;
  };
  if (type === 'F16') return halves(bytes.buffer as ArrayBuffer);
  if (type !== 'Q8_0') throw new Error(`numbers of type ${type}`);
  const numbers = new Float32Array((bytes.length / 34) * 32);
  for (let block = 0; block < bytes.length / 34; block++) {
    const [step] = halves(bytes.slice(block * 34, block * 34 + 2).buffer);
    const whole = new Int8Array(bytes.slice(block * 34 + 2, block * 34 + 34).buffer);
    for (const [i, number] of whole.entries()) numbers[block * 32 + i] = step! * number;
  }
  return numbers;
}
