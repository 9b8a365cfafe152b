import type { Attributes, Node } from '#jit/graph.js';
import type { OnnxBuilder } from '#runtime/lowering/builder.js';
import type { OnnxValue } from '#runtime/onnx-graph.js';

/** One kernel call as a lowering rule sees it: inputs already in ONNX form. */
export interface LoweringCall {
  readonly builder: OnnxBuilder;
  readonly inputs: readonly OnnxValue[];
  readonly attributes: Attributes;
  readonly node: Node;
}

/** Writes the operators of one kernel call and returns its results in order. */
export type Lowering = (call: LoweringCall) => OnnxValue | readonly OnnxValue[];

/** A list attribute; a single number counts as a list of one. */
export function numbersOf(attributes: Attributes, name: string): readonly number[] {
  const value = attributes[name];
  if (value === undefined) return [];
  return typeof value === 'object' ? value : [Number(value)];
}

/** Shape of a call's only result. */
export function resultShape(call: LoweringCall): readonly number[] {
  return call.node.outputs[0]?.shape ?? [];
}
