/** The devices that a job may ask for. */

/** On ONNX Runtime: cpu, webgpu, cuda. On TensorFlow.js, operation by operation: eager (plain JavaScript), tfjs-node(-gpu). */
export const jobDevices = ['cpu', 'webgpu', 'cuda', 'eager', 'tfjs-node', 'tfjs-node-gpu'] as const;
export type JobDevice = (typeof jobDevices)[number];

/** `auto`: the best one that the worker has. */
export const wantedDevices = ['auto', ...jobDevices] as const;
export type WantedDevice = (typeof wantedDevices)[number];
