/**
 * Makes ONNX Runtime run nodes in the order they were written.
 *
 * ONNX Runtime does not run a model's nodes in file order. It walks the graph from its last leaf against the edges,
 * depth first, visiting the inputs of a node from the one with the highest file position to the lowest, and runs
 * nodes in the order the walk leaves them (`GraphViewer` with `NodeCompare`, onnxruntime/core/graph). So what is
 * needed late must stand early in the file: of all nodes that could come next, the file takes the one that should
 * run last. A widened weight or a recomputed activation is then made right before its use, not all of them at the
 * start, and a weight gradient right after what it needs, not all of them at the end.
 */
import { type OnnxNode, readValues } from '#runtime/onnx-graph.js';

type Edges = readonly (readonly number[])[];

/** For every node the positions of the nodes whose results it reads. */
function producersOf(nodes: readonly OnnxNode[]): Edges {
  const maker = new Map<string, number>();
  nodes.forEach((node, i) => node.outputs.forEach(({ name }) => maker.set(name, i)));
  return nodes.map((node) => [...new Set(readValues(node).flatMap(({ name }) => maker.get(name) ?? []))]);
}

/** Positions of nodes in the order a file should hold them, of all that are ready always the last one. */
function fileOrder(producers: Edges): number[] {
  const missing = producers.map((list) => list.length);
  const readers: number[][] = producers.map(() => []);
  producers.forEach((list, i) => list.forEach((producer) => readers[producer]!.push(i)));
  const ready = new MaxHeap();
  missing.forEach((count, i) => count === 0 && ready.push(i));
  const order: number[] = [];
  for (let next = ready.pop(); next !== undefined; next = ready.pop()) {
    order.push(next);
    for (const reader of readers[next]!) if (--missing[reader]! === 0) ready.push(reader);
  }
  return order;
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
    for (const producer of producers[top.node]!.toSorted((a, b) => a - b)) {
      if (!visited.has(producer)) stack.push({ node: producer, leave: false });
    }
  }
  return order;
}

/** The nodes in a file order that makes ONNX Runtime run them as they stand here, bodies of loops included. */
export function arrangeForExecution(nodes: readonly OnnxNode[]): OnnxNode[] {
  const arranged = fileOrder(producersOf(nodes)).map((i) => nodes[i]!);
  return arranged.map((node) =>
    node.body ? { ...node, body: { ...node.body, nodes: arrangeForExecution(node.body.nodes) } } : node,
  );
}

/** A binary heap that gives the largest number first. */
class MaxHeap {
  private readonly items: number[] = [];

  push(item: number): void {
    const { items } = this;
    let i = items.push(item) - 1;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (items[parent]! >= item) break;
      items[i] = items[parent]!;
      i = parent;
    }
    items[i] = item;
  }

  pop(): number | undefined {
    const { items } = this;
    const top = items[0];
    const last = items.pop();
    if (top === undefined || last === undefined || items.length === 0) return top;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= items.length) break;
      if (child + 1 < items.length && items[child + 1]! > items[child]!) child++;
      if (items[child]! <= last) break;
      items[i] = items[child]!;
      i = child;
    }
    items[i] = last;
    return top;
  }
}
