import '@tensorflow/tfjs-backend-cpu';
import { beforeAll, describe, expect, test } from 'vitest';
import { engine } from '#jit/ops.js';
import { loadTfjsNode, type TfjsNode } from '#runtime/tfjs-node.js';
import { kernelCases, operationCases } from '../kernels/cases.js';
import { runEagerly } from '../kernels/run-case.js';
import { relativeError, tolerances } from '../tolerances.js';
import { tfjsNodeFolder } from './places.js';

let node: TfjsNode;
beforeAll(() => {
  node = loadTfjsNode('tfjs-node', tfjsNodeFolder());
});

describe('tfjs-node gives what the JavaScript backend gives, forward and gradient', () => {
  test.each([...kernelCases(), ...operationCases()])('$name', async (kernelCase) => {
    const expected = await runEagerly(kernelCase, 'cpu');
    const before = engine().memory().numTensors;
    const actual = await runEagerly(kernelCase, node.backend);
    expect(engine().backendName).toBe('tensorflow');
    expect(engine().memory().numTensors).toBe(before);
    expect(Object.keys(actual)).toEqual(Object.keys(expected));
    for (const [name, values] of Object.entries(expected)) {
      expect(actual[name]!.constructor, name).toBe(values.constructor);
      expect(relativeError(actual[name]!, values), name).toBeLessThan(tolerances.compiled);
    }
  });
});
