import '@tensorflow/tfjs-backend-cpu';
import { describe, expect, test } from 'vitest';
import type { Graph } from '#jit/graph.js';
import { accumulateProducts } from '#jit/passes/accumulate.js';
import { eliminateDeadNodes } from '#jit/passes/dead-nodes.js';
import { collapseReshapes } from '#jit/passes/reshape-chains.js';
import { scalarizeUniformConstants } from '#jit/passes/uniform-constants.js';
import { trace } from '#jit/trace.js';
import { optimize } from '#runtime/compile.js';
import { encodeModel } from '#runtime/encode.js';
import { arrangeForExecution } from '#runtime/file-order.js';
import { lower } from '#runtime/lowering/lower.js';
import { type NumericArray, zerosFor } from '#runtime/numeric-array.js';
import { Session } from '#runtime/session.js';
import type { KernelCase } from '../../test/kernels/case-inputs.js';
import { kernelCases, operationCases } from '../../test/kernels/cases.js';
import { caseProgram } from '../../test/kernels/run-case.js';
import { relativeError, tolerances } from '../../test/tolerances.js';

const settings = { device: 'cpu', threads: 2, spin: false, weightFolder: undefined } as const;

/** Runs a graph as it is, nodes in the order given by `arrange`. */
async function runGraph(
  graph: Graph,
  { inputs }: KernelCase,
  arrange: typeof arrangeForExecution = (nodes) => [...nodes],
): Promise<Record<string, NumericArray>> {
  const { model, outputs } = lower(graph, 'cpu');
  const session = await Session.create(encodeModel({ ...model, nodes: arrange(model.nodes) }), settings);
  const given = model.inputs.map((value) => ({ value, array: inputs[Number(value.name.slice(1))]!.values }));
  const results = Object.entries(outputs).map(([name, value]) => ({
    name,
    value,
    array: zerosFor({ shape: value.shape, dtype: value.type }),
  }));
  await session.run(given, results);
  await session.release();
  return Object.fromEntries(results.map(({ name, array }) => [name, array]));
}

function tracedCase(one: KernelCase): Graph {
  const { program, spec } = caseProgram(one);
  return trace(program, spec);
}

const cases = [...kernelCases(), ...operationCases()];
const exactPasses = { eliminateDeadNodes, collapseReshapes, scalarizeUniformConstants };

describe('without any pass a graph gives the same as with', () => {
  test.each(cases)('$name: to the bit with those that only leave work out', async (one) => {
    const graph = tracedCase(one);
    const expected = await runGraph(graph, one);
    for (const [name, pass] of Object.entries(exactPasses)) {
      expect(await runGraph(pass(graph), one), name).toEqual(expected);
    }
    expect(await runGraph(graph, one, arrangeForExecution), 'file order').toEqual(expected);
  });

  test.each(cases)('$name: up to rounding with products that add', async (one) => {
    const graph = tracedCase(one);
    const expected = await runGraph(graph, one);
    for (const changed of [accumulateProducts(graph), optimize(graph, 0)]) {
      const actual = await runGraph(changed, one);
      expect(Object.keys(actual)).toEqual(Object.keys(expected));
      for (const [name, values] of Object.entries(expected)) {
        expect(relativeError(actual[name]!, values), name).toBeLessThan(tolerances.compiled);
      }
    }
  });
});
