import { describe, expect, test } from 'vitest';
import { bitsAt, streamKey } from '#jit/random.js';
import { executionOrder } from '#runtime/execution-order.js';
import { arrangeForExecution } from '#runtime/file-order.js';
import { peakMemory } from '#runtime/memory-plan.js';
import { type OnnxNode, readValues } from '#runtime/onnx-graph.js';
import { namesOf, node, sized, value } from '../../test/onnx-nodes.js';

const executed = (nodes: readonly OnnxNode[]) => executionOrder(arrangeForExecution(nodes));

/** A random graph: every node reads some of those before it. */
function randomGraph(seed: number): OnnxNode[] {
  const key = streamKey(seed, 0, 'graph');
  let counter = 0;
  const below = (n: number) => bitsAt(key, counter++) % n;
  const count = 3 + below(30);
  const most = 1 + below(4);
  return Array.from({ length: count }, (_, i) => {
    const inputs = Array.from({ length: i === 0 ? 0 : below(most + 1) }, () => `v${below(i)}`);
    const made = sized(`v${i}`, 1 + below(50), ...inputs);
    return below(4) === 0 && inputs.length > 0 ? { ...made, op: 'Reshape' } : made;
  });
}

/** Whether no node stands before one that it reads. */
function isSorted(nodes: readonly OnnxNode[]): boolean {
  const names = new Set(namesOf(nodes));
  const done = new Set<string>();
  return nodes.every((node) => {
    const isReady = readValues(node).every(({ name }) => !names.has(name) || done.has(name));
    done.add(node.outputs[0]!.name);
    return isReady;
  });
}

describe('random graphs', () => {
  const graphs = Array.from({ length: 300 }, (_, seed) => randomGraph(seed));

  test('keep their nodes, none before what it reads', () => {
    for (const nodes of graphs) {
      const arranged = arrangeForExecution(nodes);
      expect(namesOf(arranged).toSorted()).toEqual(namesOf(nodes).toSorted());
      expect(isSorted(arranged)).toBe(true);
      expect(isSorted(executionOrder(arranged))).toBe(true);
    }
  });

  test('need no more memory than as they were', () => {
    for (const nodes of graphs) {
      expect(peakMemory(executed(nodes))).toBeLessThanOrEqual(peakMemory(executionOrder(nodes)));
    }
  });
});

describe('nodes run as they were written', () => {
  test('when each step of a chain has something made for it, such as an upcast weight', () => {
    const nodes = Array.from({ length: 20 }, (_, i) => [
      sized(`weight${i}`, 100, `stored${i}`),
      node(`x${i}`, `x${i - 1}`, `weight${i}`),
    ]).flat();
    expect(namesOf(executed(nodes))).toEqual(namesOf(nodes));
  });

  test('when each step of a chain has a result of its own, such as a gradient', () => {
    const nodes = Array.from({ length: 20 }, (_, i) => [
      sized(`x${i}`, 100, `x${i - 1}`),
      node(`gradient${i}`, `x${i}`),
    ]).flat();
    expect(namesOf(executed(nodes))).toEqual(namesOf(nodes));
  });

  test('in the bodies of loops too', () => {
    const inner = [sized('w0', 9), node('y0', 'i', 'w0'), sized('w1', 9), node('y1', 'y0', 'w1')];
    const body = { inputs: [value('i')], nodes: inner, outputs: [value('y1')] };
    const [loop] = arrangeForExecution([{ ...node('loop'), body }]);
    expect(namesOf(executionOrder(loop!.body!.nodes))).toEqual(namesOf(inner));
  });
});

/**
 * A training step in outline: blocks whose large inner value is made again in the backward pass, a gradient of each
 * block's weights, all gradients joined in the end, those of the first block first.
 */
function trainingGraph(blocks: number, large: number): OnnxNode[] {
  const forward = Array.from({ length: blocks }, (_, i) => [
    sized(`inner${i}`, large, `x${i - 1}`),
    node(`x${i}`, `inner${i}`),
  ]).flat();
  const backward = Array.from({ length: blocks }, (_, j) => {
    const i = blocks - 1 - j;
    return [
      sized(`again${i}`, large, `x${i - 1}`),
      node(`scaled${i}`, `dx${i + 1}`),
      node(`dx${i}`, `scaled${i}`, `again${i}`),
      node(`dw${i}`, `scaled${i}`, `again${i}`),
    ];
  }).flat();
  const flat = Array.from({ length: blocks }, (_, i) => ({ ...node(`flat${i}`, `dw${i}`), op: 'Reshape' }));
  const joined = node('gradient', ...flat.map(({ outputs }) => outputs[0]!.name));
  return [...forward, node(`dx${blocks}`, `x${blocks - 1}`), ...backward, ...flat, joined];
}

test('recomputed values do not pile up, although the gradients that read them are joined in the end', () => {
  const [blocks, large] = [24, 1000];
  const bytes = peakMemory(executed(trainingGraph(blocks, large)));
  // One inner value at a time, and a few numbers of every block.
  expect(bytes).toBeLessThan(4 * (large + 6 * blocks));
  expect(bytes).toBeGreaterThanOrEqual(4 * large);
});

test('a graph as deep as a large model is arranged without running out of stack', () => {
  const nodes = Array.from({ length: 50_000 }, (_, i) => node(`v${i}`, `v${i - 1}`, `v${i - 2}`));
  expect(namesOf(executed(nodes))).toEqual(namesOf(nodes));
});
