/** Runs the step functions of a job, whatever carries them out: a compiled graph or TensorFlow.js itself. */
import { LowrankError } from '#base/errors.js';
import { sizeOf } from '#base/shapes.js';
import type { NumericArray } from '#runtime/numeric-array.js';

/** What one run reads besides the state. */
export interface RunInputs {
  readonly data?: Readonly<Record<string, NumericArray>>;
  readonly scalars?: Readonly<Record<string, number>>;
}

/** Several step functions over one state. The state's vectors go in and come out of every run by name. */
export interface Runner {
  /** Makes a step function ready, so that its first run takes no longer than the others. */
  prepare(program: string): Promise<void>;
  /**
   * Runs a step function and returns its results. It blocks the thread while it computes.
   *
   * Throws `input_missing` and `input_size` with the name of the input, and `program_missing`.
   */
  run(program: string, inputs: RunInputs): Promise<Record<string, NumericArray>>;
  /** A copy of a state's numbers. Throws `state_missing`. */
  readState(name: string): Float32Array;
  /** Copies numbers into a state. Throws `state_size` unless there are as many as the state has. */
  writeState(name: string, values: Float32Array): void;
  close(): Promise<void>;
}

/** The numbers that a state starts with, by name. */
export type InitialState = Readonly<Record<string, Float32Array>>;

/** Throws `input_size` for numbers that do not fill an input or a result. */
export function checkInputSize(name: string, shape: readonly number[], values: NumericArray): void {
  const size = sizeOf(shape);
  if (values.length === size) return;
  throw new LowrankError('input_size', `${name} takes ${size} numbers, not ${values.length}`, {
    details: { name, size, given: values.length },
  });
}

/** Throws `state_size` for numbers that do not fill a state. */
export function checkStateSize(name: string, size: number, values: Float32Array): void {
  if (values.length === size) return;
  throw new LowrankError('state_size', `the state ${name} has ${size} numbers, not ${values.length}`, {
    details: { name, size, given: values.length },
  });
}
