/** Short ways to small graphs for tests. */
import type { Graph, TensorSpec } from '#jit/graph.js';
import type { Tensor } from '#jit/ops.js';
import { trace } from '#jit/trace.js';

export const f32 = (...shape: number[]): TensorSpec => ({ shape, dtype: 'float32' });
export const i32 = (...shape: number[]): TensorSpec => ({ shape, dtype: 'int32' });

/** The graph of a function of data inputs x0, x1, ...; its results are the outputs y0, y1, ... */
export function traceOf(
  inputs: readonly TensorSpec[],
  run: (...xs: Tensor[]) => Tensor | readonly Tensor[],
): Graph {
  const data = Object.fromEntries(inputs.map((spec, i) => [`x${i}`, spec]));
  return trace(
    ({ data }) => {
      const results = [run(...inputs.map((_, i) => data[`x${i}`]!))].flat();
      return { outputs: Object.fromEntries(results.map((y, i) => [`y${i}`, y])), state: {} };
    },
    { data, scalars: [], state: {}, weights: {} },
  );
}

/** The kernels of a graph in order. */
export const kernelsOf = (graph: Graph): string[] => graph.nodes.map(({ kernel }) => kernel);
