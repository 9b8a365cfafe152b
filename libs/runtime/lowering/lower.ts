/** From a traced graph to an ONNX model. */
import { LowrankError } from '#base/errors.js';
import type { Body, Graph, Node, Value } from '#jit/graph.js';
import { activationsOf } from '#jit/passes/activations.js';
import { frozenProduct } from '#jit/passes/record-inputs.js';
import { capabilitiesOf } from '#runtime/capabilities.js';
import type { Device } from '#runtime/device.js';
import { OnnxBuilder } from '#runtime/lowering/builder.js';
import { loweringTable } from '#runtime/lowering/table.js';
import type { LoadedWeight } from '#runtime/loaded-weights.js';
import type { OnnxModel, OnnxValue } from '#runtime/onnx-graph.js';
import { weightScheme } from '#runtime/weight-schemes/registry.js';

/** A graph holds a kernel that the table does not know; a graph made by trace() never does. */
export class UnknownLoweringError extends LowrankError {
  constructor(node: Node) {
    super(
      'unknown_kernel',
      `the kernel ${node.kernel} in ${node.scope || 'the step'} has no entry in the lowering table`,
      {
        details: { kernel: node.kernel, scope: node.scope },
      },
    );
  }
}

/** A model, and the name under which each result of the traced graph comes out of it. */
export interface LoweredGraph {
  readonly model: OnnxModel;
  readonly outputs: Readonly<Record<string, OnnxValue>>;
  readonly nextState: Readonly<Record<string, OnnxValue>>;
  /** Weights that every run is given, inputs of the model by their names. */
  readonly loadedWeights: readonly LoadedWeight[];
}

class GraphLowering {
  readonly builder: OnnxBuilder;
  private readonly values = new Map<Value, OnnxValue>();

  constructor(
    device: Device,
    private readonly activations: ReadonlySet<Value>,
  ) {
    this.builder = new OnnxBuilder(capabilitiesOf[device]);
  }

  bind(value: Value, onnx: OnnxValue): void {
    this.values.set(value, onnx);
  }

  valueOf(value: Value): OnnxValue {
    if (value.kind === 'constant') return this.builder.tracedConstant(value);
    if (value.kind === 'weight') return weightScheme(value.source).operand(this.builder, value);
    const known = this.values.get(value);
    if (!known) throw new Error(`value ${value.id} is read before it is made`);
    return known;
  }

  lowerNode(node: Node): void {
    this.builder.home = `${node.kernel} ${node.scope}`.trim();
    const results = node.body ? this.lowerLoop(node, node.body) : this.lowerKernel(node);
    node.outputs.forEach((output, i) => this.bind(output, results[i]!));
  }

  private lowerKernel(node: Node): readonly OnnxValue[] {
    if (!(node.kernel in loweringTable)) throw new UnknownLoweringError(node);
    const product = this.quantisedProduct(node) ?? this.pickedRows(node);
    if (product) return [product];
    const rule = loweringTable[node.kernel as keyof typeof loweringTable];
    const inputs = node.inputs.map((input) => this.valueOf(input));
    const result = rule({ builder: this.builder, inputs, attributes: node.attributes, node });
    return Array.isArray(result) ? (result as readonly OnnxValue[]) : [result as OnnxValue];
  }

  /** Rows that are looked up in a weight. */
  private pickedRows({ kernel, inputs: [table, indices], outputs, attributes }: Node): OnnxValue | undefined {
    const axis = [attributes['axis'] ?? 0].flat()[0];
    if (kernel !== 'GatherV2' || table?.kind !== 'weight' || axis !== 0) return undefined;
    const rows = this.valueOf(indices!);
    const leading = outputs[0]!.shape.slice(0, outputs[0]!.shape.length - table.shape.length + 1);
    return weightScheme(table.source).pick(this.builder, table, (from) =>
      this.builder.emit('Gather', [from, rows], [...leading, ...from.shape.slice(1)], { axis }),
    );
  }

  /** A product of activations with a weight whose scheme has kernels for it. */
  private quantisedProduct(node: Node): OnnxValue | undefined {
    const product = frozenProduct(node, this.activations);
    const scheme = product && weightScheme(product.weight.source);
    if (!scheme?.product) return undefined;
    const { x, weight, transposed } = product!;
    return scheme.product(this.builder, this.valueOf(x), weight, transposed);
  }

  private lowerLoop(node: Node, body: Body): readonly OnnxValue[] {
    const { builder } = this;
    const [rounds, ...carried] = node.inputs.map((input) => this.valueOf(input)) as [
      OnnxValue,
      ...OnnxValue[],
    ];
    const most = Number(node.attributes['most']);
    const trips = builder.cast(rounds, 'int64');
    const iteration = builder.fresh([], 'int64');
    const goOn = builder.fresh([], 'bool');
    const parameters = carried.map(({ shape, type }) => builder.fresh(shape, type));
    const onnxBody = builder.nested([iteration, goOn, ...parameters], () => {
      const [round, ...values] = body.parameters;
      this.bind(round!, builder.cast(iteration, 'int32'));
      values.forEach((value, i) => this.bind(value, parameters[i]!));
      for (const inner of body.nodes) this.lowerNode(inner);
      // Results of a body must be made inside of it, each under a name of its own.
      const results = body.results.map((value) => builder.unary('Identity', this.valueOf(value)));
      return [builder.unary('Identity', goOn), ...results];
    });
    this.builder.home = `Loop ${node.scope}`.trim();
    const outputs = node.outputs.map(({ shape }, i) => ({ shape, type: onnxBody.outputs[i + 1]!.type }));
    const results = builder.emitAll('Loop', [trips, undefined, ...carried], outputs, {}, { body: onnxBody });
    // Rounds that are known to fill the stack leave nothing to pad.
    const [count] = node.inputs;
    if (count?.kind === 'constant' && count.data[0] === most) return results;
    return results.map((result, i) => (i < carried.length ? result : this.padStack(result, trips, most)));
  }

  /** Fills a stack of `trips` slices up to `most` with zeros. */
  private padStack(stack: OnnxValue, trips: OnnxValue, most: number): OnnxValue {
    const { builder } = this;
    const rank = stack.shape.length;
    const place = builder.ints(Array.from({ length: 2 * rank }, (_, i) => (i === rank ? 1 : 0)));
    const missing = builder.binary('Sub', builder.constant(BigInt64Array.of(BigInt(most)), []), trips);
    return builder.emit('Pad', [stack, builder.binary('Mul', place, missing), builder.float(0)], stack.shape);
  }
}

/** Writes a traced graph in ONNX operators for a device. */
export function lower(graph: Graph, device: Device): LoweredGraph {
  const lowering = new GraphLowering(device, activationsOf(graph));
  const { builder } = lowering;
  const inputs = [...graph.data, ...graph.scalars, ...graph.state].map((value) => {
    const onnx: OnnxValue = { name: value.name, shape: value.shape, type: value.dtype };
    lowering.bind(value, onnx);
    return onnx;
  });
  for (const node of graph.nodes) lowering.lowerNode(node);

  const made = new Set(builder.finishedNodes.flatMap((node) => node.outputs.map(({ name }) => name)));
  const taken = new Set<string>();
  const result = (value: Value): OnnxValue => {
    const onnx = lowering.valueOf(value);
    // A result must be made by a node and come out once.
    const own = made.has(onnx.name) && !taken.has(onnx.name) ? onnx : builder.unary('Identity', onnx);
    taken.add(own.name);
    return own;
  };
  const outputs = Object.fromEntries(graph.outputs.map(({ name, value }) => [name, result(value)]));
  const nextState = Object.fromEntries(graph.nextState.map(({ name, value }) => [name, result(value)]));
  const loaded = builder.loadedWeights.map(({ name, shape }): OnnxValue => ({
    name,
    shape,
    type: 'float32',
  }));
  return {
    model: {
      inputs: [...inputs, ...loaded],
      outputs: [...Object.values(outputs), ...Object.values(nextState)],
      nodes: builder.finishedNodes,
      inline: builder.inline,
      external: builder.external,
    },
    outputs,
    nextState,
    loadedWeights: builder.loadedWeights,
  };
}
