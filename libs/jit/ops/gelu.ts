/** The Gaussian error linear unit (Hendrycks and Gimpel 2016), exact and in its approximation by tanh. */
import type { Attributes } from '#jit/graph.js';
import { callKernel, defineKernel } from '#jit/kernel.js';
import { add, erf, exp, mul, scalar, square, sub, tanh, type Tensor } from '#jit/ops.js';

/** `erf`: x Phi(x); `tanh`: 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))). */
export type GeluForm = 'erf' | 'tanh';
type GeluAttributes = Attributes & { readonly form: GeluForm };

/** Factors of the approximation: tanh(slope * (x + cubic * x^3)). */
export const geluTanh = { slope: Math.sqrt(2 / Math.PI), cubic: 0.044715 };

/** tanh(...) or erf(x / sqrt(2)): what half of one more of it is multiplied by x. */
function core(x: Tensor, form: GeluForm): Tensor {
  if (form === 'erf') return erf(mul(x, scalar(Math.SQRT1_2)));
  const inner = add(scalar(1), mul(square(x), scalar(geluTanh.cubic)));
  return tanh(mul(mul(x, inner), scalar(geluTanh.slope)));
}

const half = (core: Tensor): Tensor => mul(add(core, scalar(1)), scalar(0.5));

export const geluGradientKernel = defineKernel<GeluAttributes>({
  name: 'GeluGradient',
  inputs: ['x', 'dy'],
  infer: ([x]) => [x!],
  eager: ([x, dy], { form }) => {
    const c = core(x!, form);
    const x2 = square(x!);
    const slope =
      form === 'erf'
        ? mul(exp(mul(x2, scalar(-0.5))), scalar(1 / Math.sqrt(2 * Math.PI)))
        : mul(
            mul(sub(scalar(1), square(c)), scalar(geluTanh.slope / 2)),
            add(scalar(1), mul(x2, scalar(3 * geluTanh.cubic))),
          );
    return [mul(dy!, add(half(c), mul(x!, slope)))];
  },
});

export const geluKernel = defineKernel<GeluAttributes>({
  name: 'Gelu',
  inputs: ['x'],
  infer: ([x]) => [x!],
  eager: ([x], { form }) => [mul(x!, half(core(x!, form)))],
  gradient: {
    saveInputs: ['x'],
    backward: ([dy], [x], attributes) => ({
      x: () => callKernel(geluGradientKernel, [x!, dy!], attributes)[0]!,
    }),
  },
});

/** The unit, element by element; it saves its input only. */
export function gelu(x: Tensor, form: GeluForm): Tensor {
  return callKernel(geluKernel, [x], { form })[0]!;
}
