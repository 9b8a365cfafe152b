/**
 * The order in which a file holds the nodes of a model, so that ONNX Runtime, which walks the graph in a way of its own
 * (see `executionOrder`), runs them about as they were written.
 *
 * What is needed late must stand early: an upcast weight or a recomputed activation is then made right before its
 * use, not all of them at the start, and a weight gradient right after what it needs, not all of them at the end.
 * No rule does that for every graph. Two are tried, beside leaving the nodes alone, and the order is taken whose run
 * needs least memory.
 */
import { type Edges, executionOrder, producersOf } from '#runtime/execution-order.js';
import { Heap } from '#runtime/heap.js';
import { isView, peakMemory } from '#runtime/memory-plan.js';
import type { OnnxNode } from '#runtime/onnx-graph.js';

/** The nodes in a file order that makes ONNX Runtime run them with little memory, bodies of loops included. */
export function arrangeForExecution(nodes: readonly OnnxNode[]): OnnxNode[] {
  const arranged = nodes.map((node) =>
    node.body ? { ...node, body: { ...node.body, nodes: arrangeForExecution(node.body.nodes) } } : node,
  );
  const moved = moveViewsUp(arranged);
  const latest = latestFirst(producersOf(arranged)).map((i) => arranged[i]!);
  const planned = alongWalk(producersOf(moved)).map((i) => moved[i]!);
  const orders = [arranged, latest, planned];
  const peaks = orders.map((order) => peakMemory(executionOrder(order)));
  return orders[peaks.indexOf(Math.min(...peaks))]!;
}

/** For every node the positions of the nodes that read its results. */
function readersOf(producers: Edges): number[][] {
  const readers: number[][] = producers.map(() => []);
  producers.forEach((list, i) => list.forEach((producer) => readers[producer]!.push(i)));
  return readers;
}

/** Of all nodes that could come next, always the one that was written last. */
function latestFirst(producers: Edges): number[] {
  const missing = producers.map((list) => list.length);
  const readers = readersOf(producers);
  const ready = new Heap((a, b) => a > b);
  missing.forEach((count, i) => count === 0 && ready.push(i));
  const order: number[] = [];
  for (let next = ready.pop(); next !== undefined; next = ready.pop()) {
    order.push(next);
    for (const reader of readers[next]!) if (--missing[reader]! === 0) ready.push(reader);
  }
  return order;
}

/** The nodes with each view right after what it is a view of: a view says nothing about when its numbers are needed. */
function moveViewsUp(nodes: readonly OnnxNode[]): OnnxNode[] {
  const groups: OnnxNode[][] = [];
  const groupOf = new Map<string, OnnxNode[]>();
  for (const node of nodes) {
    const group = (isView(node) ? groupOf.get(node.inputs[0]!.name) : undefined) ?? [];
    if (group.length === 0) groups.push(group);
    group.push(node);
    node.outputs.forEach(({ name }) => groupOf.set(name, group));
  }
  return groups.flat();
}

/** A walk that ONNX Runtime could take: when it leaves each node, and pairs of which it visits the first one before. */
interface Walk {
  readonly rank: readonly number[];
  readonly pairs: readonly (readonly [before: number, after: number])[];
}

/** The walk that goes from every node to what was written first, as far as a file order can make it. */
function planWalk(producers: Edges): Walk {
  const rank: number[] = [];
  const pairs: [number, number][] = [];
  const isSeen = producers.map(() => false);
  const reached = producers.map(() => -1);
  /** Of several nodes those that none of the others needs: whoever needs another stands later, so it is visited first. */
  const independent = (nodes: readonly number[], mark: number): number[] => {
    const open = nodes.filter((node) => !isSeen[node]);
    const rest = open.length > 1 ? [...open] : [];
    for (let node = rest.pop(); node !== undefined; node = rest.pop()) {
      for (const producer of producers[node]!) {
        if (producer < open[0]! || isSeen[producer] || reached[producer] === mark) continue;
        reached[producer] = mark;
        rest.push(producer);
      }
    }
    return open.filter((node) => reached[node] !== mark);
  };
  const stack: { node: number; inputs: readonly number[]; next: number }[] = [];
  const enter = (node: number, inputs: readonly number[]) => {
    inputs.forEach((input, i) => i > 0 && pairs.push([inputs[i - 1]!, input]));
    stack.push({ node, inputs, next: 0 });
  };
  const leaves = readersOf(producers).flatMap((readers, i) => (readers.length === 0 ? [i] : []));
  enter(-1, leaves);
  let left = 0;
  for (let top = stack.at(-1); top; top = stack.at(-1)) {
    const input = top.inputs[top.next++];
    if (input === undefined) {
      stack.pop();
      if (top.node >= 0) rank[top.node] = left++;
    } else if (!isSeen[input]) {
      isSeen[input] = true;
      enter(input, independent(producers[input]!, input));
    }
  }
  return { rank, pairs };
}

/**
 * The file order that makes ONNX Runtime take the planned walk: filled from the end, what is visited before stands
 * behind. Where that contradicts the edges, which is rare, the edges win.
 */
function alongWalk(producers: Edges): number[] {
  const { rank, pairs } = planWalk(producers);
  const unplaced = readersOf(producers).map((readers) => readers.length);
  const waits = producers.map(() => 0);
  const waiting: number[][] = producers.map(() => []);
  for (const [before, after] of pairs) {
    waits[after]!++;
    waiting[before]!.push(after);
  }
  const isEarlier = (a: number, b: number) => rank[a]! < rank[b]!;
  const [free, held] = [new Heap(isEarlier), new Heap(isEarlier)];
  const isPlaced = producers.map(() => false);
  const offer = (node: number) => {
    if (unplaced[node] === 0 && !isPlaced[node]) (waits[node] === 0 ? free : held).push(node);
  };
  producers.forEach((_, node) => offer(node));
  const reversed: number[] = [];
  for (let next = free.pop() ?? held.pop(); next !== undefined; next = free.pop() ?? held.pop()) {
    if (isPlaced[next]) continue;
    isPlaced[next] = true;
    reversed.push(next);
    for (const producer of producers[next]!) if (--unplaced[producer]! === 0) offer(producer);
    for (const after of waiting[next]!) if (--waits[after]! === 0) offer(after);
  }
  return reversed.toReversed();
}
