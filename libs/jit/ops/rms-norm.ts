/** Root-mean-square layer normalisation (Zhang and Sennrich 2019), one row at a time. */
import { callKernel, defineKernel } from '#jit/kernel.js';
import { add, mean, mul, rsqrt, square, sub, sum, type Tensor } from '#jit/ops.js';

type NormAttributes = { readonly epsilon: number };

const inverseRms = (x: Tensor, epsilon: number): Tensor => rsqrt(add(mean(square(x), -1, true), epsilon));

export const rmsNormGradientKernel = defineKernel<NormAttributes>({
  name: 'RmsNormGradient',
  inputs: ['x', 'weight', 'dy'],
  infer: ([x]) => [x!],
  eager: ([x, weight, dy], { epsilon }) => {
    const inverse = inverseRms(x!, epsilon);
    const normalized = mul(x!, inverse);
    const scaled = mul(dy!, weight!);
    return [mul(inverse, sub(scaled, mul(normalized, mean(mul(scaled, normalized), -1, true))))];
  },
});

export const rmsNormKernel = defineKernel<NormAttributes>({
  name: 'RmsNorm',
  inputs: ['x', 'weight'],
  infer: ([x]) => [x!],
  eager: ([x, weight], { epsilon }) => [mul(mul(x!, inverseRms(x!, epsilon)), weight!)],
  gradient: {
    saveInputs: ['x', 'weight'],
    backward: ([dy], [x, weight], attributes) => ({
      x: () => callKernel(rmsNormGradientKernel, [x!, weight!, dy!], attributes)[0]!,
      weight: () => sum(mul(dy!, mul(x!, inverseRms(x!, attributes.epsilon))), 0),
    }),
  },
});

/** `x / sqrt(mean(x^2) + epsilon) * weight` over the last axis; x is [rows, size], weight [size]. */
export function rmsNorm(x: Tensor, weight: Tensor, epsilon: number): Tensor {
  return callKernel(rmsNormKernel, [x, weight], { epsilon })[0]!;
}
