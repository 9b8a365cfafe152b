/** Where a compiled graph runs. */
export const devices = ['cpu', 'webgpu', 'cuda'] as const;
export type Device = (typeof devices)[number];

/** The builds of TensorFlow for TensorFlow.js: for the CPU, and for NVIDIA's GPUs. */
export const tfjsNodeKinds = ['tfjs-node', 'tfjs-node-gpu'] as const;
export type TfjsNodeKind = (typeof tfjsNodeKinds)[number];

export function isTfjsNodeKind(name: string): name is TfjsNodeKind {
  return (tfjsNodeKinds as readonly string[]).includes(name);
}

/** Where TensorFlow.js itself runs a step, operation by operation: in plain JavaScript, or with TensorFlow. */
export const eagerDevices = ['eager', ...tfjsNodeKinds] as const;
export type EagerDevice = (typeof eagerDevices)[number];

export function isEagerDevice(name: string): name is EagerDevice {
  return (eagerDevices as readonly string[]).includes(name);
}
