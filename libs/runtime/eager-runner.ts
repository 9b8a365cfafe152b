/** A runner on TensorFlow.js itself: the same step functions, operation by operation, on whichever backend is set. */
import { LowrankError } from '#base/errors.js';
import type { Shape } from '#base/shapes.js';
import type { TensorSpec, WeightSource } from '#jit/graph.js';
import { currentBackend, keep, reshape, scalar, setBackendNow, type Tensor, tensor, tidy } from '#jit/ops.js';
import type { Program, ProgramSpec } from '#jit/trace.js';
import type { NumericArray } from '#runtime/numeric-array.js';
import {
  checkInputSize,
  checkStateSize,
  type InitialState,
  type RunInputs,
  type Runner,
} from '#runtime/runner.js';

export interface EagerProgram {
  readonly program: Program;
  readonly spec: ProgramSpec;
}

/** Reads a frozen weight as float32 numbers. */
export type WeightReader = (source: WeightSource, shape: Shape) => Promise<Float32Array>;

export class EagerRunner implements Runner {
  private readonly state = new Map<string, Tensor>();
  private readonly weights = new Map<string, Tensor>();

  constructor(
    private readonly programs: Readonly<Record<string, EagerProgram>>,
    initial: InitialState,
    private readonly readWeight: WeightReader,
    private readonly backend: string,
  ) {
    this.use();
    for (const [name, values] of Object.entries(initial)) {
      this.state.set(name, keep(tensor(values.slice(), [values.length], 'float32')));
    }
  }

  async prepare(program: string): Promise<void> {
    const { spec } = this.programOf(program);
    for (const [name, { shape, source }] of Object.entries(spec.weights)) {
      if (this.weights.has(name)) continue;
      const values = await this.readWeight(source, shape);
      // While a file is read others may set their backend, or read the same weight.
      this.use();
      if (!this.weights.has(name)) this.weights.set(name, keep(tensor(values, [...shape], 'float32')));
    }
  }

  async run(program: string, { data = {}, scalars = {} }: RunInputs): Promise<Record<string, NumericArray>> {
    await this.prepare(program);
    this.use();
    const { program: step, spec } = this.programOf(program);
    const results: Record<string, NumericArray> = {};
    const next = new Map<string, Tensor>();
    tidy(() => {
      const given = <T>(values: Readonly<Record<string, T>>, name: string): T => {
        const value = values[name];
        if (value !== undefined) return value;
        throw new LowrankError('input_missing', `the step ${program} was run without its input ${name}`);
      };
      const toTensor = ([name, { shape, dtype }]: [string, TensorSpec]) => {
        const values = given(data, name);
        checkInputSize(name, shape, values);
        return [name, tensor(values, [...shape], dtype)] as const;
      };
      const { outputs, state } = step({
        data: Object.fromEntries(Object.entries(spec.data).map(toTensor)),
        scalars: Object.fromEntries(spec.scalars.map((name) => [name, scalar(given(scalars, name))])),
        state: Object.fromEntries(
          Object.entries(spec.state).map(([name, { shape }]) => [
            name,
            reshape(this.stateOf(name), [...shape]),
          ]),
        ),
        weights: Object.fromEntries(this.weights),
      });
      for (const [name, value] of Object.entries(outputs)) results[name] = value.dataSync();
      for (const [name, value] of Object.entries(state)) next.set(name, keep(value));
    });
    const old = [...next.keys()].map((name) => this.stateOf(name));
    for (const [name, value] of next) this.state.set(name, value);
    const kept = new Set(this.state.values());
    for (const value of old) if (!kept.has(value)) value.dispose();
    return results;
  }

  readState(name: string): Float32Array {
    return this.stateOf(name).dataSync().slice() as Float32Array;
  }

  writeState(name: string, values: Float32Array): void {
    this.use();
    const held = this.stateOf(name);
    checkStateSize(name, held.size, values);
    this.state.set(name, keep(tensor(values.slice(), held.shape, 'float32')));
    held.dispose();
  }

  close(): Promise<void> {
    for (const held of [...this.state.values(), ...this.weights.values()]) held.dispose();
    this.state.clear();
    this.weights.clear();
    return Promise.resolve();
  }

  private use(): void {
    if (currentBackend() !== this.backend) setBackendNow(this.backend);
  }

  private stateOf(name: string): Tensor {
    const held = this.state.get(name);
    if (!held) throw new LowrankError('state_missing', `there is no state ${name}`);
    return held;
  }

  private programOf(name: string): EagerProgram {
    const program = this.programs[name];
    if (!program) throw new LowrankError('program_missing', `there is no step function ${name}`);
    return program;
  }
}
