/**
 * The graph that a traced step becomes: typed values, one node per kernel call, no numbers and no ONNX.
 */

import type { Shape } from '#base/shapes.js';
import type { BlockType } from '#gguf/decode.js';

export type DType = 'float32' | 'int32' | 'bool';
/** How the numbers of a plain weight lie in their file, row by row; they are float32 for every computation. */
export type Storage = 'float32' | 'bfloat16' | 'float16';

/** Shape and element type of a tensor. */
export interface TensorSpec {
  readonly shape: Shape;
  readonly dtype: DType;
}

/** A stretch of a file: an absolute real path, an offset and a length in bytes. */
export interface ByteRange {
  readonly file: string;
  readonly offset: number;
  readonly byteLength: number;
}

/** A frozen weight whose numbers lie one after another. */
export interface PlainWeight extends ByteRange {
  readonly storage: Storage;
}

/** A frozen weight whose numbers lie in blocks, in a file of a format that only its scheme knows. */
export interface BlockWeight extends ByteRange {
  readonly scheme: 'gguf';
  readonly type: BlockType;
  /** Rows of a head, where the first and the second half of each head take turns. */
  readonly headSize?: number;
  /** What is added to each number. */
  readonly added?: number;
  /** Rows of the stored matrix that these are, where it is a part of one. */
  readonly part?: { readonly first: number; readonly count: number; readonly of: number };
}

/** A frozen weight as a model's own files have it. */
export type FileWeight = PlainWeight | BlockWeight;

/** A frozen weight in a scheme of quantisation. What the ranges hold only the scheme knows. */
export interface QuantisedWeight {
  readonly scheme: string;
  readonly ranges: Readonly<Record<string, ByteRange>>;
  /** The weight before it was quantised, for whatever the scheme has no kernel for. */
  readonly original?: PlainWeight;
}

/** How a frozen weight is stored, and where. */
export type WeightSource = FileWeight | QuantisedWeight;

/** A frozen weight as a program asks for it. */
export interface WeightSpec {
  readonly shape: Shape;
  readonly source: WeightSource;
}

/** The name of the scheme that a weight is stored in; see the registry of `weight-schemes`. */
export function schemeOf(source: WeightSource): string {
  return 'storage' in source ? source.storage : source.scheme;
}

interface ValueBase extends TensorSpec {
  readonly id: number;
}

/** A tensor that changes with every run: token ids, masks, positions. */
export interface DataInput extends ValueBase {
  readonly kind: 'data';
  readonly name: string;
}

/** A number that changes with every run: learning rate, loss weight. */
export interface ScalarInput extends ValueBase {
  readonly kind: 'scalar';
  readonly name: string;
}

/** What goes in and comes out of every run: LoRA factors, optimizer moments, accumulators. */
export interface StateInput extends ValueBase {
  readonly kind: 'state';
  readonly name: string;
}

/** A weight of the base model, read from the user's file and never changed. */
export interface FrozenWeight extends ValueBase {
  readonly kind: 'weight';
  readonly name: string;
  readonly source: WeightSource;
}

/** Numbers known while tracing; `data` has one entry when every element is the same. */
export interface Constant extends ValueBase {
  readonly kind: 'constant';
  readonly data: Float32Array | Int32Array | Uint8Array;
  readonly uniform: boolean;
}

/** A result of a node, or a parameter of a loop's body. */
export interface Intermediate extends ValueBase {
  readonly kind: 'node';
}

export type Value = DataInput | ScalarInput | StateInput | FrozenWeight | Constant | Intermediate;

export type Attribute = string | number | boolean | readonly number[];
export type Attributes = Readonly<Record<string, Attribute>>;

/** One kernel call. `scope` names the module that made it, `segment` the recomputable piece it belongs to. */
export interface Node {
  readonly kernel: string;
  readonly inputs: readonly Value[];
  readonly outputs: readonly Intermediate[];
  readonly attributes: Attributes;
  readonly scope: string;
  readonly segment?: number;
  readonly body?: Body;
}

/** What a loop repeats: its parameters, its nodes, its results; it may use values of the graph around it. */
export interface Body {
  readonly parameters: readonly Intermediate[];
  readonly nodes: readonly Node[];
  readonly results: readonly Value[];
}

export interface NamedValue {
  readonly name: string;
  readonly value: Value;
}

/** A recomputable piece of the forward pass; its results are kept, what it made on the way need not be. */
export interface CheckpointSegment {
  readonly index: number;
  readonly results: readonly Value[];
}

/** A traced step. Nodes stand in the order the step made them, which is an order they can run in. */
export interface Graph {
  readonly data: readonly DataInput[];
  readonly scalars: readonly ScalarInput[];
  readonly state: readonly StateInput[];
  readonly weights: readonly FrozenWeight[];
  readonly nodes: readonly Node[];
  readonly outputs: readonly NamedValue[];
  /** For each state input, by name, the value that replaces it in the next run. */
  readonly nextState: readonly NamedValue[];
  readonly segments: readonly CheckpointSegment[];
}

/** Values that a node reads: its inputs, and whatever its body takes from outside. */
export function usedValues(node: Node): readonly Value[] {
  if (!node.body) return node.inputs;
  const own = new Set<Value>(node.body.parameters);
  for (const inner of node.body.nodes) inner.outputs.forEach((output) => own.add(output));
  const captured = [...node.body.nodes.flatMap(usedValues), ...node.body.results].filter(
    (value) => !own.has(value),
  );
  return [...node.inputs, ...new Set(captured)];
}

/** Values that must exist when the graph has run. */
export function graphResults(graph: Graph): Value[] {
  return [...graph.outputs, ...graph.nextState].map(({ value }) => value);
}

/** The same nodes reading other values: `replace` maps a value to what stands in for it. */
export function rewireNode(node: Node, replace: (value: Value) => Value): Node {
  const inputs = node.inputs.map(replace);
  const body = node.body && {
    ...node.body,
    nodes: node.body.nodes.map((inner) => rewireNode(inner, replace)),
    results: node.body.results.map(replace),
  };
  return { ...node, inputs, ...(body ? { body } : {}) };
}

/** The same graph with other nodes and with its results mapped through `replace`. */
export function withNodes(
  graph: Graph,
  nodes: readonly Node[],
  replace: (value: Value) => Value = (value) => value,
): Graph {
  const map = (named: readonly NamedValue[]) =>
    named.map(({ name, value }) => ({ name, value: replace(value) }));
  return { ...graph, nodes, outputs: map(graph.outputs), nextState: map(graph.nextState) };
}
