/** An ONNX graph while it is being built: plain data with the shape of every value known. */
import { sizeOf } from '#base/shapes.js';

export type OnnxType =
  'float32' | 'int32' | 'int64' | 'uint32' | 'uint8' | 'uint4' | 'int8' | 'bool' | 'bfloat16' | 'float16';

/** A named tensor of known shape. */
export interface OnnxValue {
  readonly name: string;
  readonly shape: readonly number[];
  readonly type: OnnxType;
}

export type OnnxAttribute = number | string | readonly number[] | { readonly float: number };

/** One operator call. `home` names the kernel and the module it came from. */
export interface OnnxNode {
  readonly op: string;
  readonly domain: string;
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
  readonly attributes: Readonly<Record<string, OnnxAttribute>>;
  readonly home: string;
  readonly body?: OnnxBody;
}

/** The graph that a Loop node repeats. */
export interface OnnxBody {
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
  readonly nodes: readonly OnnxNode[];
}

/** A tensor stored inside the model. */
export interface InlineTensor {
  readonly value: OnnxValue;
  readonly bytes: Uint8Array;
}

/** A tensor that stays in the user's file. */
export interface ExternalTensor {
  readonly value: OnnxValue;
  readonly file: string;
  readonly offset: number;
  readonly byteLength: number;
}

/** A whole model, nodes in the order they should run. */
export interface OnnxModel {
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
  readonly nodes: readonly OnnxNode[];
  readonly inline: readonly InlineTensor[];
  readonly external: readonly ExternalTensor[];
}

const elementBytes: Readonly<Record<OnnxType, number>> = {
  float32: 4,
  int32: 4,
  int64: 8,
  uint32: 4,
  uint8: 1,
  uint4: 0.5,
  int8: 1,
  bool: 1,
  bfloat16: 2,
  float16: 2,
};

/** Bytes that a value takes in memory. */
export function byteSize({ shape, type }: OnnxValue): number {
  return Math.ceil(sizeOf(shape) * elementBytes[type]);
}

/** Values that a node reads, those its body takes from outside included. */
export function readValues(node: OnnxNode): readonly OnnxValue[] {
  if (!node.body) return node.inputs;
  const own = new Set(node.body.inputs.map(({ name }) => name));
  for (const inner of node.body.nodes) inner.outputs.forEach(({ name }) => own.add(name));
  const captured = [...node.body.nodes.flatMap(readValues), ...node.body.outputs];
  return [...node.inputs, ...captured.filter(({ name }) => name !== '' && !own.has(name))];
}
