/** The step functions run by TensorFlow.js itself, operation by operation: the oracle, and the way to its own GPU backends. */
import '@tensorflow/tfjs-backend-cpu';
import { readFrozenWeight } from '#models/frozen-weights.js';
import { EagerRunner } from '#runtime/eager-runner.js';
import type { InitialState, Runner } from '#runtime/runner.js';
import { createStepPrograms } from '#training/compile-step.js';
import type { StepSource } from '#training/step-source.js';

/** A runner on the given TensorFlow.js backend; frozen weights are widened to float32 in its memory. */
export function createEagerRunner(source: StepSource, initial: InitialState, backend = 'cpu'): Runner {
  return new EagerRunner({ ...createStepPrograms(source) }, initial, readFrozenWeight, backend);
}
