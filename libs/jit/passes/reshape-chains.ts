/** Makes chains of reshapes one reshape, and removes those that change nothing. */
import { sameShape } from '#base/shapes.js';
import { type Graph, type Node, rewireNode, type Value, withNodes } from '#jit/graph.js';

function collapse(nodes: readonly Node[], replaced: Map<Value, Value>, sources: Map<Value, Value>): Node[] {
  const replace = (value: Value): Value => replaced.get(value) ?? value;
  return nodes.flatMap((node) => {
    const rewired = rewireNode(node, replace);
    if (rewired.body) {
      const inner = collapse(rewired.body.nodes, replaced, sources);
      return [
        { ...rewired, body: { ...rewired.body, nodes: inner, results: rewired.body.results.map(replace) } },
      ];
    }
    if (rewired.kernel !== 'Reshape') return [rewired];
    const [input] = rewired.inputs as [Value];
    const [output] = rewired.outputs as [Value];
    const source = sources.get(input) ?? input;
    if (sameShape(source.shape, output.shape)) {
      replaced.set(output, source);
      return [];
    }
    sources.set(output, source);
    return [{ ...rewired, inputs: [source], attributes: { shape: output.shape } }];
  });
}

/** The graph in which every reshape reads what the first of its chain read. */
export function collapseReshapes(graph: Graph): Graph {
  const replaced = new Map<Value, Value>();
  const nodes = collapse(graph.nodes, replaced, new Map());
  return withNodes(graph, nodes, (value) => replaced.get(value) ?? value);
}
