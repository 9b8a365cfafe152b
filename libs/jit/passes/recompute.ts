/**
 * Recomputation of segments in the backward pass (gradient checkpointing, Chen et al. 2016): what a segment made on the
 * way is made again where the backward pass first needs it, so that only the segment's results are kept.
 */
import {
  type Graph,
  type Intermediate,
  type Node,
  rewireNode,
  usedValues,
  type Value,
  withNodes,
} from '#jit/graph.js';

/** Copies of the nodes that make `wanted` out of values made outside of the segment, and the map to the copies. */
function copyNodes(
  wanted: readonly Value[],
  members: ReadonlyMap<Value, Node>,
  kept: ReadonlySet<Value>,
  nextId: () => number,
): { copies: Node[]; copyOf: Map<Value, Value> } {
  const needed = new Set<Node>();
  const visit = (value: Value): void => {
    const node = kept.has(value) ? undefined : members.get(value);
    if (!node || needed.has(node)) return;
    needed.add(node);
    usedValues(node).forEach(visit);
  };
  wanted.forEach(visit);
  const copyOf = new Map<Value, Value>();
  const copies: Node[] = [];
  for (const node of new Set(members.values())) {
    if (!needed.has(node)) continue;
    const rewired = rewireNode(node, (value) => copyOf.get(value) ?? value);
    const outputs = node.outputs.map((output): Intermediate => ({ ...output, id: nextId() }));
    node.outputs.forEach((output, i) => copyOf.set(output, outputs[i]!));
    const { segment: _, ...copy } = { ...rewired, outputs };
    copies.push(copy);
  }
  return { copies, copyOf };
}

/**
 * The graph in which everything after the forward pass reads recomputed values of the given segments.
 *
 * The copies stand right before their first reader. Values are unchanged to the bit: the same nodes on the same
 * inputs.
 */
export function recomputeSegments(graph: Graph, segments: ReadonlySet<number>): Graph {
  if (segments.size === 0) return graph;
  let id = Math.max(0, ...graph.nodes.flatMap((node) => node.outputs.map((output) => output.id))) + 1;
  const lastForward = graph.nodes.findLastIndex((node) => node.segment !== undefined);
  const kept = new Set(graph.segments.flatMap((segment) => segment.results));
  const membersOf = new Map<number, Map<Value, Node>>();
  const segmentOf = new Map<Value, number>();
  for (const node of graph.nodes) {
    if (node.segment === undefined || !segments.has(node.segment)) continue;
    const members = membersOf.get(node.segment) ?? new Map<Value, Node>();
    membersOf.set(node.segment, members);
    for (const output of node.outputs) {
      members.set(output, node);
      if (!kept.has(output)) segmentOf.set(output, node.segment);
    }
  }

  const backward = graph.nodes.slice(lastForward + 1);
  const wantedOf = new Map<number, Set<Value>>();
  for (const value of backward.flatMap(usedValues)) {
    const segment = segmentOf.get(value);
    if (segment !== undefined) wantedOf.set(segment, (wantedOf.get(segment) ?? new Set()).add(value));
  }

  const copyOf = new Map<Value, Value>();
  const result: Node[] = graph.nodes.slice(0, lastForward + 1);
  for (const node of backward) {
    for (const segment of new Set(usedValues(node).flatMap((value) => segmentOf.get(value) ?? []))) {
      const wanted = wantedOf.get(segment);
      if (!wanted) continue;
      wantedOf.delete(segment);
      const made = copyNodes([...wanted], membersOf.get(segment)!, kept, () => id++);
      made.copyOf.forEach((copy, value) => copyOf.set(value, copy));
      result.push(...made.copies);
    }
    result.push(rewireNode(node, (value) => copyOf.get(value) ?? value));
  }
  return withNodes(graph, result, (value) => copyOf.get(value) ?? value);
}
