/** Every kernel that a step may use: TensorFlow.js's and the project's own. The lowering must know each of them. */
import type { KernelRule } from '#jit/kernel.js';
import { attentionGradientKernel, attentionKernel } from '#jit/ops/attention.js';
import { conv2dKernel, conv2dTransposeKernel, conv2dWeightGradientKernel } from '#jit/ops/conv2d.js';
import { gatedKernel } from '#jit/ops/gated.js';
import { geluGradientKernel, geluKernel } from '#jit/ops/gelu.js';
import { pickColumnKernel } from '#jit/ops/pick-column.js';
import { randomBitsKernel } from '#jit/ops/random-bits.js';
import { rmsNormGradientKernel, rmsNormKernel } from '#jit/ops/rms-norm.js';
import { rotaryKernel } from '#jit/ops/rotary.js';
import { swiGluGradientKernel, swiGluKernel } from '#jit/ops/swiglu.js';
import { tensorflowKernels } from '#jit/tensorflow-kernels.js';

export const kernelTable = {
  ...tensorflowKernels,
  Attention: attentionKernel as KernelRule,
  AttentionGradient: attentionGradientKernel as KernelRule,
  Conv2d: conv2dKernel as KernelRule,
  Conv2dTranspose: conv2dTransposeKernel as KernelRule,
  Conv2dWeightGradient: conv2dWeightGradientKernel as KernelRule,
  Gated: gatedKernel as KernelRule,
  Gelu: geluKernel as KernelRule,
  GeluGradient: geluGradientKernel as KernelRule,
  PickColumn: pickColumnKernel as KernelRule,
  RandomBits: randomBitsKernel as KernelRule,
  RmsNorm: rmsNormKernel as KernelRule,
  RmsNormGradient: rmsNormGradientKernel as KernelRule,
  Rotary: rotaryKernel as KernelRule,
  SwiGlu: swiGluKernel as KernelRule,
  SwiGluGradient: swiGluGradientKernel as KernelRule,
} satisfies Record<string, KernelRule>;

/** Names of the kernels of the table. */
export type KernelName = keyof typeof kernelTable;
