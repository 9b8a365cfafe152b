/** Runs a kernel case eagerly and compiled. */
import type { Graph } from '#jit/graph.js';
import { valueAndGrads } from '#jit/differentiate.js';
import { add, mul, sum, type Tensor, tensor } from '#jit/ops.js';
import { type Program, type ProgramSpec, trace } from '#jit/trace.js';
import { compileProgram, optimize } from '#runtime/compile.js';
import { CompiledRunner } from '#runtime/compiled-runner.js';
import type { Device } from '#runtime/device.js';
import { EagerRunner } from '#runtime/eager-runner.js';
import type { NumericArray } from '#runtime/numeric-array.js';
import type { KernelCase } from './case-inputs.js';

/** A fixed weight for every entry of a result, so that no symmetry hides a mistake in a gradient. */
function weighted(y: Tensor): Tensor {
  const values = Float32Array.from({ length: y.size }, (_, i) => 1 + ((i * 7) % 5) / 4);
  return sum(mul(y, tensor(values, y.shape)));
}

function results(result: Tensor | Tensor[]): Tensor[] {
  return Array.isArray(result) ? result : [result];
}

/** The step of a case: its results, and the gradients of their weighted sum. */
export function caseProgram({ inputs, differentiated, run }: KernelCase): {
  program: Program;
  spec: ProgramSpec;
} {
  const program: Program = ({ data }) => {
    const tensors = inputs.map((_, i) => data[`x${i}`]!);
    const outputs = Object.fromEntries(results(run(tensors)).map((y, i) => [`y${i}`, y]));
    if (differentiated === 0) return { outputs, state: {} };
    const rest = tensors.slice(differentiated);
    const { grads } = valueAndGrads((...xs: Tensor[]) =>
      results(run([...xs, ...rest]))
        .map(weighted)
        .reduce((total, part) => add(total, part)),
    )(tensors.slice(0, differentiated));
    const gradients = Object.fromEntries(grads.map((gradient, i) => [`dx${i}`, gradient]));
    return { outputs: { ...outputs, ...gradients }, state: {} };
  };
  const data = Object.fromEntries(inputs.map(({ shape, dtype }, i) => [`x${i}`, { shape, dtype }]));
  return { program, spec: { data, scalars: [], state: {}, weights: {} } };
}

function dataOf({ inputs }: KernelCase): Record<string, NumericArray> {
  return Object.fromEntries(inputs.map(({ values }, i) => [`x${i}`, values]));
}

/** The optimized graph of a case. */
export function caseGraph(kernelCase: KernelCase): Graph {
  const { program, spec } = caseProgram(kernelCase);
  return optimize(trace(program, spec), 0);
}

export async function runEagerly(
  kernelCase: KernelCase,
  backend: string,
): Promise<Record<string, NumericArray>> {
  const runner = new EagerRunner(
    { step: caseProgram(kernelCase) },
    {},
    () => Promise.reject(new Error('no weights')),
    backend,
  );
  return runner.run('step', { data: dataOf(kernelCase) });
}

export async function runCompiled(
  kernelCase: KernelCase,
  device: Device,
): Promise<Record<string, NumericArray>> {
  const { program, spec } = caseProgram(kernelCase);
  const runner = new CompiledRunner(
    {
      step: {
        key: kernelCase.name,
        compile: () => compileProgram(program, spec, { device, recomputedSegments: 0 }),
      },
    },
    {},
    { device, threads: 2, spin: false, cacheFolder: undefined },
  );
  try {
    return await runner.run('step', { data: dataOf(kernelCase) });
  } finally {
    await runner.close();
  }
}
