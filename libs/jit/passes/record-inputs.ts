/** Adds to a graph what its products with frozen weights read: how large each channel gets, and some of the rows. */
import {
  type Constant,
  type FrozenWeight,
  type Graph,
  type Intermediate,
  type NamedValue,
  type Node,
  usedValues,
  type Value,
} from '#jit/graph.js';
import { activationsOf } from '#jit/passes/activations.js';

/** Activations that are multiplied by frozen weights. */
export interface ProductInput {
  /** The weights, and whether the product is with the transposed one. */
  readonly weights: readonly { readonly name: string; readonly transposed: boolean }[];
  /** Columns of the activations. */
  readonly size: number;
  /** Whether the products stand in a loop. */
  readonly isLooped: boolean;
  /**
   * Names of two outputs: the largest absolute number of each column, [size], and some of the rows, [rows, size]. Inside
   * of a loop there is one more axis before these, the rounds, and zeros for rounds that are not made.
   */
  readonly outputs: { readonly largest: string; readonly rows: string };
}

export interface RecordedGraph {
  readonly graph: Graph;
  readonly inputs: readonly ProductInput[];
  /** Names of weights that are read in another way too. */
  readonly readOtherwise: ReadonlySet<string>;
}

/** Rows that are kept of the activations before a product. */
const keptRows = 32;

/** A product of activations, [rows, size], with a frozen matrix; undefined for other nodes. */
export function frozenProduct(
  { kernel, inputs: [a, b], attributes }: Node,
  activations: ReadonlySet<Value>,
): { readonly x: Value; readonly weight: FrozenWeight; readonly transposed: boolean } | undefined {
  if (kernel !== 'BatchMatMul' || b?.kind !== 'weight' || !a || !activations.has(a)) return undefined;
  if (a.shape.length !== 2 || b.shape.length !== 2 || attributes['transposeA']) return undefined;
  return { x: a, weight: b, transposed: Boolean(attributes['transposeB']) };
}

interface Group {
  readonly x: Value;
  readonly weights: { name: string; transposed: boolean }[];
}

/** The graph with two more outputs for every input of such products; nothing else about it changes. */
export function recordInputs(graph: Graph): RecordedGraph {
  const activations = activationsOf(graph);
  const readOtherwise = new Set<string>();
  const inputs: ProductInput[] = [];
  const outputs: NamedValue[] = [];
  let id = Math.max(0, ...allValues(graph.nodes).map((value) => value.id)) + 1;
  const made = (shape: readonly number[]): Intermediate => ({
    kind: 'node',
    id: id++,
    shape,
    dtype: 'float32',
  });

  const groupsOf = (nodes: readonly Node[]): Group[] => {
    const groups = new Map<Value, Group>();
    for (const node of nodes) {
      const product = frozenProduct(node, activations);
      const others = node.body ? [] : usedValues(node);
      for (const value of others) {
        if (value.kind === 'weight' && value !== product?.weight) readOtherwise.add(value.name);
      }
      if (!product) continue;
      const { x, weight, transposed } = product;
      const group = groups.get(x) ?? { x, weights: [] };
      groups.set(x, group);
      group.weights.push({ name: weight.name, transposed });
    }
    return [...groups.values()];
  };

  /** Nodes that make the two outputs of some activations. */
  const record = (x: Value, scope: string): { nodes: Node[]; largest: Intermediate; rows: Intermediate } => {
    const [count, size] = x.shape as [number, number];
    const kept = Math.min(keptRows, count);
    const indices: Constant = {
      kind: 'constant',
      id: id++,
      shape: [kept],
      dtype: 'int32',
      data: Int32Array.from({ length: kept }, (_, i) => Math.floor((i * count) / kept)),
      uniform: false,
    };
    const absolute = made(x.shape);
    const [largest, rows] = [made([size]), made([kept, size])];
    const nodes: Node[] = [
      { kernel: 'Abs', inputs: [x], outputs: [absolute], attributes: {}, scope },
      {
        kernel: 'Max',
        inputs: [absolute],
        outputs: [largest],
        attributes: { reductionIndices: [0], keepDims: false },
        scope,
      },
      { kernel: 'GatherV2', inputs: [x, indices], outputs: [rows], attributes: { axis: 0 }, scope },
    ];
    return { nodes, largest, rows };
  };

  const add = ({ x, weights }: Group, isLooped: boolean, largest: Value, rows: Value): void => {
    const names = { largest: `largest ${inputs.length}`, rows: `rows ${inputs.length}` };
    inputs.push({ weights, size: x.shape[1]!, isLooped, outputs: names });
    outputs.push({ name: names.largest, value: largest }, { name: names.rows, value: rows });
  };

  /** A loop whose body yields what it records as stacks. */
  const recordInLoop = (node: Node): Node => {
    const body = node.body!;
    const most = Number(node.attributes['most']);
    const nodes = [...body.nodes];
    const results = [...body.results];
    const stacks = [...node.outputs];
    for (const inner of body.nodes) {
      if (!inner.body) continue;
      // Nothing is recorded in loops inside of loops.
      for (const value of usedValues(inner)) if (value.kind === 'weight') readOtherwise.add(value.name);
    }
    for (const group of groupsOf(body.nodes)) {
      const recorded = record(group.x, node.scope);
      nodes.push(...recorded.nodes);
      results.push(recorded.largest, recorded.rows);
      const [largest, rows] = [recorded.largest, recorded.rows].map(({ shape }) => made([most, ...shape]));
      stacks.push(largest!, rows!);
      add(group, true, largest!, rows!);
    }
    return { ...node, outputs: stacks, body: { ...body, nodes, results } };
  };

  const nodes: Node[] = [];
  for (const node of graph.nodes) nodes.push(node.body ? recordInLoop(node) : node);
  for (const group of groupsOf(graph.nodes)) {
    const recorded = record(group.x, '');
    nodes.push(...recorded.nodes);
    add(group, false, recorded.largest, recorded.rows);
  }
  return { graph: { ...graph, nodes, outputs: [...graph.outputs, ...outputs] }, inputs, readOtherwise };
}

function allValues(nodes: readonly Node[]): Value[] {
  return nodes.flatMap((node) => [
    ...usedValues(node),
    ...node.outputs,
    ...(node.body ? [...node.body.parameters, ...allValues(node.body.nodes)] : []),
  ]);
}
