/** The gated unit of Llama's feed-forward layer, `silu(gate) * up` (Shazeer 2020). */
import type { Attributes } from '#jit/graph.js';
import { callKernel, defineKernel } from '#jit/kernel.js';
import { add, mul, scalar, sigmoid, sub, type Tensor } from '#jit/ops.js';

export const swiGluGradientKernel = defineKernel<Attributes>({
  name: 'SwiGluGradient',
  inputs: ['gate', 'up', 'dy'],
  infer: ([gate, up]) => [gate!, up!],
  eager: ([gate, up, dy]) => {
    const gateSigmoid = sigmoid(gate!);
    const silu = mul(gate!, gateSigmoid);
    const slope = add(gateSigmoid, mul(silu, sub(scalar(1), gateSigmoid)));
    return [mul(mul(dy!, up!), slope), mul(dy!, silu)];
  },
});

export const swiGluKernel = defineKernel<Attributes>({
  name: 'SwiGlu',
  inputs: ['gate', 'up'],
  infer: ([gate]) => [gate!],
  eager: ([gate, up]) => [mul(mul(gate!, sigmoid(gate!)), up!)],
  gradient: {
    saveInputs: ['gate', 'up'],
    backward: ([dy], [gate, up]) => {
      const [dGate, dUp] = callKernel(swiGluGradientKernel, [gate!, up!, dy!], {});
      return { gate: () => dGate!, up: () => dUp! };
    },
  },
});

/** `gate * sigmoid(gate) * up`, element by element; it saves its two inputs only. */
export function swiGlu(gate: Tensor, up: Tensor): Tensor {
  return callKernel(swiGluKernel, [gate, up], {})[0]!;
}
