/** The step functions run by TensorFlow.js itself, operation by operation: the oracle, and the way to its own GPU backends. */
import { LowrankError } from '#base/errors.js';
import { readFrozenWeight } from '#models/frozen-weights.js';
import type { EagerDevice } from '#runtime/device.js';
import { EagerRunner } from '#runtime/eager-runner.js';
import type { InitialState, Runner } from '#runtime/runner.js';
import { loadTfjsNode } from '#runtime/tfjs-node.js';
import { createStepPrograms, type StepSource } from '#training/step-programs.js';

/**
 * Registers the TensorFlow.js backend of a device and returns its name.
 *
 * Throws LowrankError `tfjs_node_no_gpu` and the errors of `loadTfjsNode`.
 */
export async function openEagerBackend(device: EagerDevice, tfjsNodeFolder: string): Promise<string> {
  if (device === 'eager') {
    await import('@tensorflow/tfjs-backend-cpu');
    return 'cpu';
  }
  const { backend, gpu } = loadTfjsNode(device, tfjsNodeFolder);
  if (device === 'tfjs-node-gpu' && !gpu) {
    throw new LowrankError(
      'tfjs_node_no_gpu',
      'TensorFlow finds no GPU on this machine: look for one with nvidia-smi, or choose another device',
    );
  }
  return backend;
}

/** A runner on the given TensorFlow.js backend; frozen weights are upcast to float32 in its memory. */
export function createEagerRunner(source: StepSource, initial: InitialState, backend: string): Runner {
  return new EagerRunner({ ...createStepPrograms(source) }, initial, readFrozenWeight, backend);
}
