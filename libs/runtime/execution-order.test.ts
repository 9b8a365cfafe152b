import { describe, expect, test } from 'vitest';
import { executionOrder } from '#runtime/execution-order.js';
import { namesOf, node, value } from '../../test/onnx-nodes.js';

describe('ONNX Runtime runs', () => {
  test('a chain in its order', () => {
    expect(namesOf(executionOrder([node('a', 'x'), node('b', 'a'), node('c', 'b')]))).toEqual([
      'a',
      'b',
      'c',
    ]);
  });

  test('of several leaves the last one first', () => {
    expect(namesOf(executionOrder([node('a', 'x'), node('b', 'x'), node('c', 'a')]))).toEqual([
      'a',
      'c',
      'b',
    ]);
  });

  test('of the inputs of a node the one that lies last first, in whatever order it takes them', () => {
    const nodes = [node('a', 'x'), node('b', 'x'), node('c', 'x'), node('sum', 'a', 'b', 'c')];
    expect(namesOf(executionOrder(nodes))).toEqual(['c', 'b', 'a', 'sum']);
  });

  test('what only the body of a loop reads before the loop', () => {
    const body = { inputs: [value('i')], nodes: [node('y', 'a', 'i')], outputs: [value('y')] };
    const nodes = [node('a', 'x'), node('b', 'x'), { ...node('loop', 'b'), body }];
    expect(namesOf(executionOrder(nodes))).toEqual(['b', 'a', 'loop']);
  });

  test('a graph as deep as a large model without running out of stack', () => {
    const nodes = Array.from({ length: 100_000 }, (_, i) => node(`v${i}`, `v${i - 1}`));
    expect(executionOrder(nodes)).toEqual(nodes);
  });
});
