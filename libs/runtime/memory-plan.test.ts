import { describe, expect, test } from 'vitest';
import { peakMemory, planMemory } from '#runtime/memory-plan.js';
import type { OnnxModel } from '#runtime/onnx-graph.js';
import { node, sized, value } from '../../test/onnx-nodes.js';

const view = (name: string, input: string) => ({ ...sized(name, 1000, input), op: 'Reshape' });

describe('the peak of a list of nodes', () => {
  test('counts a result from where it is made to its last reader', () => {
    // a and b live together, then b and c; a is gone when c is made.
    const nodes = [sized('a', 10, 'x'), sized('b', 20, 'a'), sized('c', 5, 'b')];
    expect(peakMemory(nodes)).toBe(4 * 30);
  });

  test('counts a result that somebody reads late all the way', () => {
    const nodes = [sized('a', 10, 'x'), sized('b', 20, 'a'), sized('c', 5, 'b'), sized('d', 1, 'c', 'a')];
    expect(peakMemory(nodes)).toBe(4 * 35);
  });

  test('counts a result that nobody reads for the moment in which it is made', () => {
    expect(peakMemory([sized('a', 10, 'x'), sized('b', 20, 'x'), sized('c', 5, 'x')])).toBe(4 * 20);
  });

  test('counts a view as nothing, and what it is a view of as long as the view is read', () => {
    const nodes = [
      sized('a', 10, 'x'),
      view('v', 'a'),
      view('w', 'v'),
      sized('b', 1, 'x'),
      sized('c', 1, 'w'),
    ];
    expect(peakMemory(nodes)).toBe(4 * 11);
  });

  test('leaves out inputs, weights and what others own', () => {
    const nodes = [sized('a', 10, 'input', 'weight'), sized('out', 100, 'a')];
    expect(peakMemory(nodes, new Set(['out']))).toBe(4 * 10);
  });

  test('counts every result of a node', () => {
    const split = { ...node('a', 'x'), outputs: [value('a', [10]), value('b', [7], 'bool')] };
    expect(peakMemory([split])).toBe(47);
  });

  test('adds the worst moment of a loop to what lives around it, what its body reads from outside included', () => {
    const body = {
      inputs: [value('i')],
      nodes: [sized('y', 30, 'outer', 'i'), sized('z', 5, 'y')],
      outputs: [value('z')],
    };
    const nodes = [sized('outer', 100, 'x'), sized('other', 50, 'x'), { ...sized('loop', 3, 'other'), body }];
    expect(peakMemory(nodes)).toBe(4 * (100 + 50 + 3 + 35));
  });
});

test('the plan tells activations, weights as they are stored, and what lives through the whole run', () => {
  const weight = value('w', [10], 'bfloat16');
  const model: OnnxModel = {
    inputs: [value('x', [8]), value('flags', [8], 'bool')],
    outputs: [value('out', [2])],
    nodes: [sized('a', 8, 'x', 'w'), sized('out', 2, 'a')],
    inline: [{ value: value('c', [1]), bytes: new Uint8Array(4) }],
    external: [{ value: weight, file: '/weights', offset: 0, byteLength: 20 }],
  };
  expect(planMemory(model)).toEqual({
    activationBytes: 4 * 8,
    weightBytes: 20,
    boundaryBytes: 4 * 8 + 8 + 4 * 2 + 4,
  });
});
