/** Which values of a graph follow from the data of a run, and not from parameters and weights alone. */
import { type Graph, type Node, usedValues, type Value } from '#jit/graph.js';

/** Activations and their gradients: everything that depends on a data input, inside of loops as well. */
export function activationsOf(graph: Pick<Graph, 'data' | 'nodes'>): ReadonlySet<Value> {
  const found = new Set<Value>(graph.data);
  const visit = (node: Node): void => {
    const depends = usedValues(node).some((value) => found.has(value));
    if (depends) node.body?.parameters.forEach((parameter) => found.add(parameter));
    node.body?.nodes.forEach(visit);
    if (depends) node.outputs.forEach((output) => found.add(output));
  };
  graph.nodes.forEach(visit);
  return found;
}
