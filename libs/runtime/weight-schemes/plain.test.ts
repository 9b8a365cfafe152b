import { expect, test } from 'vitest';
import { roundToBfloat16, roundToFloat16 } from '#base/half-precision.js';
import type { ByteRange, PlainWeight, Storage } from '#jit/graph.js';
import { capabilitiesOf } from '#runtime/capabilities.js';
import { OnnxBuilder } from '#runtime/lowering/builder.js';
import { weightScheme } from '#runtime/weight-schemes/registry.js';

const numbers = Float32Array.from({ length: 12 }, (_, i) => i / 4 - 1);
const bytesIn: Readonly<Record<Storage, Uint8Array>> = {
  float32: new Uint8Array(numbers.buffer),
  bfloat16: new Uint8Array(roundToBfloat16(numbers).buffer),
  float16: new Uint8Array(roundToFloat16(numbers).buffer),
};
const storages = Object.keys(bytesIn) as Storage[];
const weightIn = (storage: Storage): PlainWeight => ({
  file: '/weights',
  offset: 0,
  byteLength: bytesIn[storage].length,
  storage,
});
const readerOf =
  (storage: Storage) =>
  ({ offset, byteLength }: ByteRange) =>
    Promise.resolve(bytesIn[storage].slice(offset, offset + byteLength));

test.each(storages)('numbers stored as %s are read as they are, whole and by rows', async (storage) => {
  const scheme = weightScheme(weightIn(storage));
  const source = weightIn(storage);
  expect(await scheme.read({ shape: [4, 3], source }, readerOf(storage))).toEqual(numbers);
  const rows = scheme.rows({ shape: [4, 3], source }, 1, 2);
  expect(await scheme.read({ shape: [2, 3], source: rows }, readerOf(storage))).toEqual(numbers.slice(3, 9));
});

test('a float32 weight is an operand as it lies, one in half precision is cast beside each use', () => {
  const castsOf = (storage: Storage) => {
    const builder = new OnnxBuilder(capabilitiesOf.cpu);
    const weight = { name: 'w', shape: [4, 3], source: weightIn(storage) };
    const uses = [0, 1].map(() => weightScheme(weight.source).operand(builder, weight).type);
    expect(uses).toEqual(['float32', 'float32']);
    expect(builder.external).toHaveLength(1);
    return builder.finishedNodes.map(({ op }) => op);
  };
  expect(storages.map(castsOf)).toEqual([[], ['Cast', 'Cast'], ['Cast', 'Cast']]);
});

test('inside of a loop a weight is cast once, outside of it', () => {
  const builder = new OnnxBuilder(capabilitiesOf.cpu);
  const weight = { name: 'w', shape: [4, 3], source: weightIn('bfloat16') };
  const scheme = weightScheme(weight.source);
  const body = builder.nested([], () => [scheme.operand(builder, weight), scheme.operand(builder, weight)]);
  expect(body.nodes).toEqual([]);
  expect(builder.finishedNodes.map(({ op }) => op)).toEqual(['Cast']);
});

test('a source of an unknown scheme names it', () => {
  expect(() => weightScheme({ scheme: 'q7', ranges: {} })).toThrow('there is no scheme q7');
});
