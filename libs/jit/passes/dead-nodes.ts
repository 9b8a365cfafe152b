/** Removes what no result depends on: nodes, results of loops, weights. */
import {
  type Body,
  type Graph,
  graphResults,
  type Intermediate,
  type Node,
  usedValues,
  type Value,
} from '#jit/graph.js';

/** Keeps of a loop only the stacked results that somebody reads; carried ones stay, the body may need them. */
function trimLoop(node: Node, isUsed: (value: Value) => boolean): Node {
  const body = node.body as Body;
  const carried = node.inputs.length - 1;
  const kept = node.outputs.map((output, i) => i < carried || isUsed(output));
  const results = body.results.filter((_, i) => kept[i]);
  const { nodes } = removeDead(body.nodes, results);
  return { ...node, outputs: node.outputs.filter((_, i) => kept[i]), body: { ...body, nodes, results } };
}

function removeDead(nodes: readonly Node[], results: readonly Value[]): { nodes: Node[]; used: Set<Value> } {
  const used = new Set<Value>(results);
  const kept: Node[] = [];
  for (const node of nodes.toReversed()) {
    if (!node.outputs.some((output: Intermediate) => used.has(output))) continue;
    const trimmed = node.body ? trimLoop(node, (value) => used.has(value)) : node;
    usedValues(trimmed).forEach((value) => used.add(value));
    kept.push(trimmed);
  }
  return { nodes: kept.reverse(), used };
}

/** The graph without nodes and weights that its results do not need; inputs stay, whoever runs it gives them. */
export function eliminateDeadNodes(graph: Graph): Graph {
  const { nodes, used } = removeDead(graph.nodes, graphResults(graph));
  return { ...graph, nodes, weights: graph.weights.filter((weight) => used.has(weight)) };
}
