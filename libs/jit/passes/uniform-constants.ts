/** Replaces tensors that hold one number everywhere by that number, where an operation broadcasts anyway. */
import { broadcastShapes, sameShape, sizeOf } from '#base/shapes.js';
import { type Constant, type Graph, type Node, type Value, withNodes } from '#jit/graph.js';

const broadcasting = new Set([
  'Add',
  'Equal',
  'Greater',
  'GreaterEqual',
  'Less',
  'LessEqual',
  'Maximum',
  'Minimum',
  'Multiply',
  'NotEqual',
  'RealDiv',
  'Select',
  'Sub',
]);

const filled: Readonly<Record<string, (node: Node) => number>> = {
  Fill: (node) => Number(node.attributes['value']),
  OnesLike: () => 1,
  ZerosLike: () => 0,
};

function toArray(value: number, dtype: Value['dtype']): Constant['data'] {
  if (dtype === 'float32') return Float32Array.of(value);
  return dtype === 'int32' ? Int32Array.of(value) : Uint8Array.of(value);
}

function simplify(nodes: readonly Node[], constants: Map<Value, Constant>): Node[] {
  const uniform = (value: Value): Constant | undefined =>
    constants.get(value) ?? (value.kind === 'constant' && value.uniform ? value : undefined);
  return nodes.map((node) => {
    const fill = filled[node.kernel];
    const [output] = node.outputs as [Value];
    if (fill) {
      const data = toArray(fill(node), output.dtype);
      constants.set(output, {
        kind: 'constant',
        id: output.id,
        shape: output.shape,
        dtype: output.dtype,
        data,
        uniform: true,
      });
      return node;
    }
    if (node.body) return { ...node, body: { ...node.body, nodes: simplify(node.body.nodes, constants) } };
    if (!broadcasting.has(node.kernel)) return node;
    const inputs = [...node.inputs];
    for (const [i, input] of inputs.entries()) {
      const constant = uniform(input);
      const others = inputs.filter((_, j) => j !== i).map((other) => other.shape);
      const shape = others.reduce(broadcastShapes, []);
      if (constant && sizeOf(constant.shape) > 1 && sameShape(shape, output.shape)) {
        inputs[i] = { ...constant, shape: [] };
      }
    }
    return { ...node, inputs };
  });
}

/** The graph in which no elementwise operation reads a filled tensor; dead fills are left for the dead node pass. */
export function scalarizeUniformConstants(graph: Graph): Graph {
  return withNodes(graph, simplify(graph.nodes, new Map()));
}
