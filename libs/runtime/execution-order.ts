/**
 * The order in which ONNX Runtime runs the nodes of a model, which is not the order they lie in.
 *
 * It walks the graph from its last leaf against the edges, depth first, visiting the inputs of a node from the one
 * with the highest file position to the lowest, and runs nodes in the order the walk leaves them (`GraphViewer` with
 * `NodeCompare`, onnxruntime/core/graph).
 */
import { type OnnxNode, readValues } from '#runtime/onnx-graph.js';

/** For every node, by position, the positions of others. */
export type Edges = readonly (readonly number[])[];

/** For every node the positions of the nodes whose results it reads, ascending. */
export function producersOf(nodes: readonly OnnxNode[]): Edges {
  const maker = new Map<string, number>();
  nodes.forEach((node, i) => node.outputs.forEach(({ name }) => maker.set(name, i)));
  return nodes.map((node) =>
    [...new Set(readValues(node).flatMap(({ name }) => maker.get(name) ?? []))].sort((a, b) => a - b),
  );
}

/** The order in which ONNX Runtime runs nodes that lie in the file as given. */
export function executionOrder(nodes: readonly OnnxNode[]): OnnxNode[] {
  const producers = producersOf(nodes);
  const isRead = new Set(producers.flat());
  const visited = new Set<number>();
  const order: OnnxNode[] = [];
  const stack: { node: number; leave: boolean }[] = [];
  nodes.forEach((_, i) => !isRead.has(i) && stack.push({ node: i, leave: false }));
  for (let top = stack.pop(); top; top = stack.pop()) {
    if (top.leave) {
      order.push(nodes[top.node]!);
      continue;
    }
    if (visited.has(top.node)) continue;
    visited.add(top.node);
    stack.push({ node: top.node, leave: true });
    for (const producer of producers[top.node]!) {
      if (!visited.has(producer)) stack.push({ node: producer, leave: false });
    }
  }
  return order;
}
