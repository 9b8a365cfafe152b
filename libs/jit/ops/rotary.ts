/** Rotary positions (Su et al. 2021) in the half-split layout of Llama: entry i turns with entry i + size/2. */
import { callKernel, defineKernel, type OwnKernel } from '#jit/kernel.js';
import { add, concat, mul, neg, reshape, split, sub, type Tensor } from '#jit/ops.js';

type RotaryAttributes = { readonly heads: number; readonly inverse: boolean };

export const rotaryKernel: OwnKernel<RotaryAttributes> = defineKernel<RotaryAttributes>({
  name: 'Rotary',
  inputs: ['x', 'cos', 'sin'],
  infer: ([x]) => [x!],
  eager: ([x, cos, sin], { heads, inverse }) => {
    const [rows, width] = x!.shape as [number, number];
    const [first, second] = split(reshape(x!, [rows, heads, width / heads]), 2, 2) as [Tensor, Tensor];
    const c = reshape(cos!, [rows, 1, -1]);
    const s = reshape(inverse ? neg(sin!) : sin!, [rows, 1, -1]);
    const rotated = concat([sub(mul(first, c), mul(second, s)), add(mul(second, c), mul(first, s))], 2);
    return [reshape(rotated, [rows, width])];
  },
  gradient: {
    saveInputs: ['cos', 'sin'],
    // A rotation is undone by turning back.
    backward: ([dy], [cos, sin], { heads, inverse }) => ({
      x: () => callKernel(rotaryKernel, [dy!, cos!, sin!], { heads, inverse: !inverse })[0]!,
    }),
  },
});

/**
 * Turns each pair (i, i + size/2) of every head by its row's angle.
 *
 * x is [rows, heads * size]; cos and sin are [rows, size / 2].
 */
export function rotary(x: Tensor, cos: Tensor, sin: Tensor, heads: number): Tensor {
  return callKernel(rotaryKernel, [x, cos, sin], { heads, inverse: false })[0]!;
}
