/** Small ONNX graphs for tests. */
import type { OnnxNode, OnnxType, OnnxValue } from '#runtime/onnx-graph.js';

/** A value; by default of one number, 4 bytes. */
export function value(name: string, shape: readonly number[] = [1], type: OnnxType = 'float32'): OnnxValue {
  return { name, shape, type };
}

/** A node that reads values by name and makes one of the same name as itself. */
export function node(name: string, ...inputs: string[]): OnnxNode {
  return sized(name, 1, ...inputs);
}

/** The same with a result of `size` numbers. */
export function sized(name: string, size: number, ...inputs: string[]): OnnxNode {
  return {
    op: 'Op',
    domain: '',
    inputs: inputs.map((input) => value(input)),
    outputs: [value(name, [size])],
    attributes: {},
    home: name,
  };
}

export const namesOf = (nodes: readonly OnnxNode[]): string[] => nodes.map(({ outputs }) => outputs[0]!.name);
