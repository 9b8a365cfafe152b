/** Gradients by TensorFlow.js's tape against differences of the function itself, on the backend that is set. */
import { sizeOf } from '#base/shapes.js';
import { valueAndGrads } from '#jit/differentiate.js';
import { add, mul, sum, type Tensor, tensor, tidy } from '#jit/ops.js';
import { normalAt, streamKey } from '#jit/random.js';
import { relativeError } from './tolerances.js';

export interface GradientCase {
  readonly name: string;
  /** Shapes of the tensors to differentiate by. */
  readonly shapes: readonly (readonly number[])[];
  readonly run: (...xs: Tensor[]) => Tensor | Tensor[];
  /** Where the gradient is taken: normal numbers unless given, made from these. */
  readonly place?: (normal: number) => number;
  /** Half the distance of the two values that are compared. */
  readonly step?: number;
}

/** Normal numbers, others for every name. */
export function normal(name: string, shape: readonly number[]): Float32Array {
  const key = streamKey(1, 0, name);
  return Float32Array.from({ length: sizeOf(shape) }, (_, i) => normalAt(key, i));
}

/** Sum of all entries of the results, each with a weight of its own, so that no symmetry hides a mistake. */
function weighted(results: Tensor | Tensor[]): Tensor {
  return [results]
    .flat()
    .map((y, i) => sum(mul(y, tensor(normal(`weights ${i}`, y.shape), y.shape))))
    .reduce((total, part) => add(total, part));
}

/** For each input of a case its gradient, the differences, and the relative error between them. */
export function gradientErrors({ name, shapes, run, place = (x) => x, step = 5e-3 }: GradientCase): {
  readonly gradient: Float32Array;
  readonly differences: Float32Array;
  readonly error: number;
}[] {
  const values = shapes.map((shape, i) =>
    normal(`${name} ${i} of ${JSON.stringify(shapes)}`, shape).map(place),
  );
  const tensorsOf = (values: readonly Float32Array[]) =>
    values.map((x, i) => tensor(x, [...shapes[i]!], 'float32'));
  const valueAt = (values: readonly Float32Array[]) =>
    tidy(() => weighted(run(...tensorsOf(values))).dataSync()[0]! as never) as number;
  const gradients = tidy(() => {
    const { grads } = valueAndGrads((...xs: Tensor[]) => weighted(run(...xs)))(tensorsOf(values));
    return grads.map((gradient) => gradient.dataSync()) as never;
  }) as Float32Array[];
  return values.map((x, input) => {
    const differences = x.map((_, i) => {
      const moved = (by: number) => valueAt(values.with(input, x.with(i, x[i]! + by)));
      return (moved(step) - moved(-step)) / (2 * step);
    });
    const gradient = gradients[input]!;
    return { gradient, differences, error: relativeError(gradient, differences) };
  });
}
