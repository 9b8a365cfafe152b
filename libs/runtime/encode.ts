/** Writes a model as the bytes of an ONNX ModelProto. */
import { basename } from 'node:path';
import { create, toBinary } from '@bufbuild/protobuf';
import { onnxTypeNumber } from '#runtime/lowering/builder.js';
import type { OnnxAttribute, OnnxModel, OnnxNode, OnnxValue } from '#runtime/onnx-graph.js';
import {
  type AttributeProto,
  AttributeProto_AttributeType,
  AttributeProtoSchema,
  type GraphProto,
  GraphProtoSchema,
  ModelProtoSchema,
  type NodeProto,
  NodeProtoSchema,
  StringStringEntryProtoSchema,
  TensorProto_DataLocation,
  type TensorProto,
  TensorProtoSchema,
  type ValueInfoProto,
  ValueInfoProtoSchema,
} from '#runtime/schema/onnx_pb.js';

/** ONNX operator set 21 (ONNX 1.16) and the file format that goes with it. */
const opset = 21n;
const irVersion = 10n;

function encodeAttribute(name: string, value: OnnxAttribute): AttributeProto {
  const text = new TextEncoder();
  if (typeof value === 'string') {
    return create(AttributeProtoSchema, {
      name,
      type: AttributeProto_AttributeType.STRING,
      s: text.encode(value),
    });
  }
  if (typeof value === 'number') {
    return create(AttributeProtoSchema, { name, type: AttributeProto_AttributeType.INT, i: BigInt(value) });
  }
  if ('float' in value) {
    return create(AttributeProtoSchema, { name, type: AttributeProto_AttributeType.FLOAT, f: value.float });
  }
  return create(AttributeProtoSchema, {
    name,
    type: AttributeProto_AttributeType.INTS,
    ints: value.map(BigInt),
  });
}

/** Without sizes for values inside of a graph: they follow from the inputs, and a loop's stack has no fixed one. */
function encodeValue({ name, shape, type }: OnnxValue): ValueInfoProto {
  const dim = shape.map((size) => ({ value: { case: 'dimValue' as const, value: BigInt(size) } }));
  return create(ValueInfoProtoSchema, {
    name,
    type: { value: { case: 'tensorType', value: { elemType: onnxTypeNumber[type], shape: { dim } } } },
  });
}

function encodeNode(node: OnnxNode, index: number): NodeProto {
  const attribute = Object.entries(node.attributes).map(([name, value]) => encodeAttribute(name, value));
  if (node.body) {
    const graph = create(GraphProtoSchema, {
      name: `body ${index}`,
      input: node.body.inputs.map(encodeValue),
      output: node.body.outputs.map(encodeValue),
      node: node.body.nodes.map(encodeNode),
    });
    attribute.push(
      create(AttributeProtoSchema, { name: 'body', type: AttributeProto_AttributeType.GRAPH, g: graph }),
    );
  }
  return create(NodeProtoSchema, {
    name: `${node.outputs[0]?.name ?? index} ${node.home}`,
    opType: node.op,
    domain: node.domain,
    input: node.inputs.map(({ name }) => name),
    output: node.outputs.map(({ name }) => name),
    attribute,
  });
}

function encodeTensors(model: OnnxModel): TensorProto[] {
  const common = ({ name, shape, type }: OnnxValue) => ({
    name,
    dims: shape.map(BigInt),
    dataType: onnxTypeNumber[type],
  });
  const inline = model.inline.map(({ value, bytes }) =>
    create(TensorProtoSchema, { ...common(value), rawData: bytes }),
  );
  const external = model.external.map(({ value, file, offset, byteLength }) =>
    create(TensorProtoSchema, {
      ...common(value),
      dataLocation: TensorProto_DataLocation.EXTERNAL,
      externalData: Object.entries({ location: basename(file), offset, length: byteLength }).map(
        ([key, entry]) => create(StringStringEntryProtoSchema, { key, value: String(entry) }),
      ),
    }),
  );
  return [...inline, ...external];
}

function encodeGraph(model: OnnxModel): GraphProto {
  return create(GraphProtoSchema, {
    name: 'step',
    node: model.nodes.map(encodeNode),
    input: model.inputs.map(encodeValue),
    output: model.outputs.map(encodeValue),
    initializer: encodeTensors(model),
  });
}

/** The bytes of a model; tensors in files are named by their base name, to be looked up in one folder. */
export function encodeModel(model: OnnxModel): Uint8Array {
  const proto = create(ModelProtoSchema, {
    irVersion,
    producerName: 'lowrank',
    opsetImport: [
      { domain: '', version: opset },
      { domain: 'com.microsoft', version: 1n },
    ],
    graph: encodeGraph(model),
  });
  return toBinary(ModelProtoSchema, proto);
}
