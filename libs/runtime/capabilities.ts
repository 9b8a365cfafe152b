/** What the kernels of ONNX Runtime can do on each device. Lowering asks for these, never for a device's name. */
import type { Device } from '#runtime/device.js';

export interface Capabilities {
  /** Whether com.microsoft's FusedMatMul, QuickGelu, Gelu and FastGelu are there. */
  readonly hasFusedKernels: boolean;
  /** Whether SimplifiedLayerNormalization writes its second result. */
  readonly normGivesRoot: boolean;
  /** Whether Split cuts a tensor. */
  readonly hasSplit: boolean;
  /** How many tensors Concat joins at a time. */
  readonly joinedAtOnce: number;
  /** Whether ConvTranspose keeps groups apart of which each has one channel of the result. */
  readonly keepsSingleChannels: boolean;
  /** Whether MatMulIntegerToFloat multiplies uint8 by int8 faster than float32 is multiplied. */
  readonly hasIntegerProducts: boolean;
  /** Whether DequantizeLinear reads blocks of 4 and 8 bits. */
  readonly hasBlocks: boolean;
  /** Whether Sin and Cos are exact for large angles. */
  readonly hasExactSine: boolean;
}

const everything: Capabilities = {
  hasFusedKernels: true,
  normGivesRoot: true,
  hasSplit: true,
  joinedAtOnce: Infinity,
  keepsSingleChannels: true,
  hasIntegerProducts: true,
  hasBlocks: true,
  hasExactSine: true,
};

export const capabilitiesOf: Readonly<Record<Device, Capabilities>> = {
  cpu: everything,
  cuda: { ...everything, hasExactSine: false, hasIntegerProducts: false, hasBlocks: false },
  webgpu: {
    hasFusedKernels: false,
    normGivesRoot: false,
    hasSplit: false,
    // A shader reaches a limited number of buffers at a time.
    joinedAtOnce: 8,
    keepsSingleChannels: false,
    hasIntegerProducts: false,
    hasBlocks: false,
    hasExactSine: false,
  },
};
