/** What a graph will need in memory, told before it runs. */
import { executionOrder } from '#runtime/execution-order.js';
import { byteSize, type OnnxModel, type OnnxNode, readValues } from '#runtime/onnx-graph.js';

export interface MemoryPlan {
  /** Bytes of intermediate results at the worst moment. */
  readonly activationBytes: number;
  /** Bytes of frozen weights mapped from files. */
  readonly weightBytes: number;
  /** Bytes of inputs, results and constants, which live through the whole run. */
  readonly boundaryBytes: number;
}

/** ONNX Runtime gives these results the memory of their first input. */
const views = new Set(['Reshape', 'Identity', 'Squeeze', 'Unsqueeze']);

/** Whether a node's result lies in the memory of its first input. */
export const isView = ({ op }: OnnxNode): boolean => views.has(op);

/** Bytes at the worst moment of a list of nodes that runs in the given order; `outside` names what others own. */
export function peakMemory(nodes: readonly OnnxNode[], outside: ReadonlySet<string> = new Set()): number {
  const owner = new Map<string, string>();
  const ownerOf = (name: string): string => owner.get(name) ?? name;
  const lastUse = new Map<string, number>();
  const made = new Map<string, number>();
  nodes.forEach((node, i) => {
    for (const { name } of readValues(node)) lastUse.set(ownerOf(name), i);
    for (const output of node.outputs) {
      const source = isView(node) ? node.inputs[0] : undefined;
      if (source) owner.set(output.name, ownerOf(source.name));
      else made.set(output.name, byteSize(output));
      lastUse.set(ownerOf(output.name), i);
    }
  });
  const freedAt = new Map<number, string[]>();
  for (const [name, i] of lastUse) freedAt.set(i, [...(freedAt.get(i) ?? []), name]);
  let live = 0;
  let peak = 0;
  nodes.forEach((node, i) => {
    if (!isView(node)) {
      live += node.outputs.reduce((sum, { name }) => sum + (outside.has(name) ? 0 : made.get(name)!), 0);
    }
    const inner = node.body ? peakMemory(executionOrder(node.body.nodes)) : 0;
    peak = Math.max(peak, live + inner);
    for (const name of freedAt.get(i) ?? []) live -= outside.has(name) ? 0 : (made.get(name) ?? 0);
  });
  return peak;
}

/** The plan of a model whose nodes are arranged for execution. */
export function planMemory(model: OnnxModel): MemoryPlan {
  const results = new Set(model.outputs.map(({ name }) => name));
  const sum = (sizes: readonly number[]) => sizes.reduce((total, size) => total + size, 0);
  return {
    activationBytes: peakMemory(executionOrder(model.nodes), results),
    weightBytes: sum(model.external.map(({ byteLength }) => byteLength)),
    boundaryBytes: sum([
      ...model.inputs.map(byteSize),
      ...model.outputs.map(byteSize),
      ...model.inline.map(({ bytes }) => bytes.byteLength),
    ]),
  };
}
