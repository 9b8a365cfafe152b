import { fromBinary } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import { encodeModel } from '#runtime/encode.js';
import type { OnnxModel } from '#runtime/onnx-graph.js';
import { AttributeProto_AttributeType, ModelProtoSchema } from '#runtime/schema/onnx_pb.js';
import { node, value } from '../../test/onnx-nodes.js';

const body = { inputs: [value('i', [], 'int64')], nodes: [node('inner', 'i')], outputs: [value('inner')] };
const model: OnnxModel = {
  inputs: [value('x', [2, 3]), value('flag', [], 'bool')],
  outputs: [value('out', [2], 'int32')],
  nodes: [
    {
      ...node('first', 'x', '', 'c0'),
      op: 'Gemm',
      domain: 'com.microsoft',
      home: 'MatMul layer',
      attributes: { alpha: { float: 0.5 }, transB: 1, axes: [1, -2], direction: 'RIGHT' },
    },
    { ...node('out', 'first'), op: 'Loop', body },
  ],
  inline: [{ value: value('c0', [2], 'int64'), bytes: new Uint8Array(16).fill(7) }],
  external: [
    {
      value: value('w', [4, 2], 'bfloat16'),
      file: '/models/tiny/part.safetensors',
      offset: 4096,
      byteLength: 16,
    },
  ],
};
const proto = fromBinary(ModelProtoSchema, encodeModel(model));
const graph = proto.graph!;

describe('the bytes of a model', () => {
  test('name the operator sets', () => {
    expect(proto.opsetImport.map(({ domain, version }) => [domain, Number(version)])).toEqual([
      ['', 21],
      ['com.microsoft', 1],
    ]);
  });

  test('hold inputs and results with their types and sizes', () => {
    const typesOf = (values: typeof graph.input) =>
      values.map(({ name, type }) => {
        if (type?.value.case !== 'tensorType') throw new Error(`${name} is no tensor`);
        const { elemType, shape } = type.value.value;
        return [name, elemType, shape?.dim.map((dim) => Number(dim.value.value))];
      });
    expect(typesOf(graph.input)).toEqual([
      ['x', 1, [2, 3]],
      ['flag', 9, []],
    ]);
    expect(typesOf(graph.output)).toEqual([['out', 6, [2]]]);
  });

  test('hold nodes in order, each named after its result and the module it came from', () => {
    expect(graph.node.map(({ name, opType, domain }) => [name, opType, domain])).toEqual([
      ['first MatMul layer', 'Gemm', 'com.microsoft'],
      ['out out', 'Loop', ''],
    ]);
    expect(graph.node[0]!.input).toEqual(['x', '', 'c0']);
  });

  test('hold attributes of every kind, and bodies as graphs', () => {
    const kinds = AttributeProto_AttributeType;
    expect(graph.node[0]!.attribute).toMatchObject([
      { name: 'alpha', type: kinds.FLOAT, f: 0.5 },
      { name: 'transB', type: kinds.INT, i: 1n },
      { name: 'axes', type: kinds.INTS, ints: [1n, -2n] },
      { name: 'direction', type: kinds.STRING, s: new TextEncoder().encode('RIGHT') },
    ]);
    const inner = graph.node[1]!.attribute.find(({ name }) => name === 'body')!.g!;
    expect([inner.input, inner.node, inner.output].map((list) => list.length)).toEqual([1, 1, 1]);
  });

  test('hold small tensors, and of weights only where they lie, by the name of their file alone', () => {
    const [inline, external] = graph.initializer;
    expect([inline!.name, inline!.dims, inline!.rawData]).toEqual(['c0', [2n], new Uint8Array(16).fill(7)]);
    expect([external!.name, external!.dataType, external!.dims]).toEqual(['w', 16, [4n, 2n]]);
    expect(Object.fromEntries(external!.externalData.map(({ key, value }) => [key, value]))).toEqual({
      location: 'part.safetensors',
      offset: '4096',
      length: '16',
    });
    expect(external!.rawData).toHaveLength(0);
  });
});
