import '@tensorflow/tfjs-backend-cpu';
import { describe, expect, test } from 'vitest';
import { kernelCases, operationCases } from '../kernels/cases.js';
import { runCompiled, runEagerly } from '../kernels/run-case.js';
import { relativeError, tolerances } from '../tolerances.js';

describe('compiled on WebGPU equals eager, forward and gradient', () => {
  test.each([...kernelCases(), ...operationCases()])('$name', async (kernelCase) => {
    const eager = await runEagerly(kernelCase, 'cpu');
    const compiled = await runCompiled(kernelCase, 'webgpu');
    expect(Object.keys(compiled)).toEqual(Object.keys(eager));
    for (const [name, expected] of Object.entries(eager)) {
      expect(relativeError(compiled[name]!, expected), name).toBeLessThan(tolerances.compiled);
    }
  });
});
