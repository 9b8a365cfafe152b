/** A tensor that a number switches off without leaving a trace. */
import type { Attributes } from '#jit/graph.js';
import { callKernel, defineKernel, type OwnKernel } from '#jit/kernel.js';
import { notEqual, scalar, type Tensor, where } from '#jit/ops.js';

export const gatedKernel: OwnKernel<Attributes> = defineKernel<Attributes>({
  name: 'Gated',
  inputs: ['x', 'gate'],
  infer: ([x]) => [x!],
  eager: ([x, gate]) => [where(notEqual(gate!, scalar(0)), x!, scalar(-0))],
  gradient: {
    saveInputs: ['gate'],
    backward: ([dy], [gate]) => ({ x: () => gated(dy!, gate!) }),
  },
});

/**
 * x where the scalar `gate` is not 0, else minus zero everywhere: the one number that changes no bit of what it is
 * added to, whatever x holds. Product by 0 would turn -0 into 0 and keep what is not finite.
 */
export function gated(x: Tensor, gate: Tensor): Tensor {
  return callKernel(gatedKernel, [x, gate], {})[0]!;
}
