/** Runs the step functions of a job, whatever carries them out: a compiled graph or TensorFlow.js itself. */
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
  /** Runs a step function and returns its results. It blocks the thread while it computes. */
  run(program: string, inputs: RunInputs): Promise<Record<string, NumericArray>>;
  /** A copy of a state's numbers. */
  readState(name: string): Float32Array;
  writeState(name: string, values: Float32Array): void;
  close(): Promise<void>;
}

/** The numbers that a state starts with, by name. */
export type InitialState = Readonly<Record<string, Float32Array>>;
