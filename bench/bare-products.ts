/** The bare rate: every matrix product of a step and nothing else, as the yardstick for all the rest. */
import { arrangeForExecution } from '#runtime/file-order.js';
import type { ExternalTensor, OnnxModel, OnnxNode, OnnxValue } from '#runtime/onnx-graph.js';

const products = new Set(['Gemm', 'MatMul', 'FusedMatMul']);

/** The products of a list of nodes; those of a loop as often as it goes round. */
function productsOf(nodes: readonly OnnxNode[], rounds: number): OnnxNode[] {
  return nodes.flatMap((node) => {
    if (products.has(node.op)) return [node];
    if (!node.body) return [];
    const inner = productsOf(node.body.nodes, rounds);
    return Array.from({ length: rounds }, () => inner).flat();
  });
}

/**
 * A model with the same products as `model`: the same operators, shapes, attributes and mapped weights. Other operands
 * are inputs, one for each shape, and of every result one number is kept, so that none can be left out.
 */
export function bareModel(model: OnnxModel, rounds: number): OnnxModel {
  const weights = new Map(model.external.map((tensor) => [tensor.value.name, tensor]));
  const used = new Map<string, ExternalTensor>();
  const inputs = new Map<string, OnnxValue>();
  const operand = ({ name, shape }: OnnxValue): OnnxValue => {
    const weight = weights.get(name);
    if (weight?.value.type === 'float32') {
      used.set(name, weight);
      return weight.value;
    }
    const key = `x${shape.join('_')}`;
    const input = inputs.get(key) ?? { name: key, shape, type: 'float32' };
    inputs.set(key, input);
    return input;
  };
  const constant = (name: string, numbers: readonly number[]) => ({
    value: { name, shape: [numbers.length], type: 'int64' as const },
    bytes: new Uint8Array(BigInt64Array.from(numbers.map(BigInt)).buffer),
  });
  const ranks = new Map<number, { starts: OnnxValue; ends: OnnxValue }>();
  const inline = [constant('one', [1])];
  const node = (
    op: string,
    from: readonly OnnxValue[],
    to: OnnxValue,
    attributes = {},
    domain = '',
  ): OnnxNode => ({
    op,
    domain,
    inputs: from,
    outputs: [to],
    attributes,
    home: 'bare',
  });
  const kept: OnnxValue[] = [];
  const nodes = productsOf(model.nodes, rounds).flatMap((product, i) => {
    const result: OnnxValue = { ...product.outputs[0]!, name: `y${i}` };
    const rank = result.shape.length;
    if (!ranks.has(rank)) {
      inline.push(
        constant(
          `starts${rank}`,
          Array.from({ length: rank }, () => 0),
        ),
      );
      inline.push(
        constant(
          `ends${rank}`,
          Array.from({ length: rank }, () => 1),
        ),
      );
      ranks.set(rank, { starts: inline.at(-2)!.value, ends: inline.at(-1)!.value });
    }
    const { starts, ends } = ranks.get(rank)!;
    const corner: OnnxValue = { name: `corner${i}`, shape: result.shape.map(() => 1), type: 'float32' };
    const number: OnnxValue = { name: `number${i}`, shape: [1], type: 'float32' };
    kept.push(number);
    return [
      node(product.op, product.inputs.slice(0, 2).map(operand), result, product.attributes, product.domain),
      node('Slice', [result, starts, ends], corner),
      node('Reshape', [corner, inline[0]!.value], number),
    ];
  });
  const output: OnnxValue = { name: 'numbers', shape: [kept.length], type: 'float32' };
  return {
    inputs: [...inputs.values()],
    outputs: [output],
    nodes: arrangeForExecution([...nodes, node('Concat', kept, output, { axis: 0 })]),
    inline,
    external: [...used.values()],
  };
}
