import '@tensorflow/tfjs-backend-cpu';
import { describe, expect, test } from 'vitest';
import { loweringTable } from '#runtime/lowering/table.js';
import { relativeError, tolerances } from '../tolerances.js';
import { kernelCases, operationCases } from './cases.js';
import { caseGraph, runCompiled, runEagerly } from './run-case.js';

describe('the lowering table', () => {
  test('has a case for every entry', () => {
    const names = kernelCases().map(({ name }) => name);
    expect(names.toSorted()).toEqual(Object.keys(loweringTable).toSorted());
  });

  test.each(kernelCases())('the case of $name holds that kernel when it is compiled', (kernelCase) => {
    const kernels = new Set(caseGraph(kernelCase).nodes.map(({ kernel }) => kernel));
    expect([...kernels]).toContain(kernelCase.name);
  });
});

describe('compiled on the CPU equals eager, forward and gradient', () => {
  test.each([...kernelCases(), ...operationCases()])('$name', async (kernelCase) => {
    const eager = await runEagerly(kernelCase, 'cpu');
    const compiled = await runCompiled(kernelCase, 'cpu');
    expect(Object.keys(compiled)).toEqual(Object.keys(eager));
    for (const [name, expected] of Object.entries(eager)) {
      expect(relativeError(compiled[name]!, expected), name).toBeLessThan(tolerances.compiled);
    }
  });
});
