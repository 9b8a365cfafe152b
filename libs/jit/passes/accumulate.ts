/** Joins a product and the addition that follows it into one node that adds to what is there. */
import { type Graph, graphResults, type Node, usedValues, type Value, withNodes } from '#jit/graph.js';

/** Name of the joined node; its inputs are a, b, c and it computes `a b + c` with a's and b's transpositions. */
export const accumulatedProduct = 'MatMulAdd';

/** A quantised weight has kernels of its own, which add nothing. */
const isQuantised = (value: Value | undefined) => value?.kind === 'weight' && 'scheme' in value.source;

const isFlatProduct = (node: Node | undefined): node is Node =>
  node?.kernel === 'BatchMatMul' && node.outputs[0]?.shape.length === 2 && !isQuantised(node.inputs[1]);

/** A short inner axis leaves nothing to gain: the product is all writing, and the addend would be read twice. */
const shortestInner = 32;

function innerSize({ inputs: [a], attributes }: Node): number {
  return a!.shape[attributes['transposeA'] ? 0 : 1]!;
}

/** What can be added: the same matrix shape, or a row that goes to every row. */
function isAddend(addend: Value, product: Value): boolean {
  const [rows, columns] = product.shape;
  const { shape } = addend;
  if (shape.length === 2) return shape[0] === rows && shape[1] === columns;
  return shape.length === 1 && shape[0] === columns;
}

/** The graph in which `Add(x, BatchMatMul(a, b))` is one MatMulAdd wherever nothing else reads the product. */
export function accumulateProducts(graph: Graph): Graph {
  const uses = new Map<Value, number>();
  const count = (value: Value) => uses.set(value, (uses.get(value) ?? 0) + 1);
  graph.nodes.forEach((node) => usedValues(node).forEach(count));
  graphResults(graph).forEach(count);

  const producers = new Map<Value, Node>();
  const order = new Map<Node, number>();
  const joined = new Set<Node>();
  const nodes = graph.nodes.map((node, position) => {
    let result = node;
    if (node.kernel === 'Add') {
      const [a, b] = node.inputs as [Value, Value];
      const candidates = (
        [
          [a, b],
          [b, a],
        ] as const
      )
        .map(([product, addend]) => ({ product: producers.get(product), addend }))
        .filter(({ product, addend }) => {
          if (!isFlatProduct(product) || joined.has(product) || innerSize(product) < shortestInner)
            return false;
          const [output] = product.outputs as [Value];
          return uses.get(output) === 1 && product.segment === node.segment && isAddend(addend, output);
        });
      // The later product is the better one to join: the earlier one, or its own joined form, is the addend.
      const best = candidates.sort((p, q) => order.get(q.product!)! - order.get(p.product!)!)[0];
      if (best?.product) {
        joined.add(best.product);
        result = {
          ...node,
          kernel: accumulatedProduct,
          inputs: [...best.product.inputs, best.addend],
          attributes: best.product.attributes,
        };
      }
    }
    node.outputs.forEach((output) => producers.set(output, node));
    order.set(node, position);
    return result;
  });
  return withNodes(
    graph,
    nodes.filter((node) => !joined.has(node)),
  );
}
