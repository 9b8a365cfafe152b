/** A runner on TensorFlow.js itself: the same step functions, operation by operation, on whichever backend is set. */
import { LowrankError } from '#jit/errors.js';
import type { TensorSpec } from '#jit/graph.js';
import { currentBackend, keep, scalar, setBackendNow, type Tensor, tensor, tidy } from '#jit/ops.js';
import type { Program, ProgramSpec } from '#jit/trace.js';
import type { NumericArray } from '#runtime/numeric-array.js';
import type { InitialState, RunInputs, Runner } from '#runtime/runner.js';

export interface EagerProgram {
  readonly program: Program;
  readonly spec: ProgramSpec;
}

/** Reads a frozen weight as float32 numbers. */
export type WeightReader = (source: ProgramSpec['weights'][string]['source']) => Promise<Float32Array>;

export class EagerRunner implements Runner {
  private readonly state = new Map<string, Tensor>();
  private readonly weights = new Map<string, Tensor>();

  constructor(
    private readonly programs: Readonly<Record<string, EagerProgram>>,
    private readonly initial: InitialState,
    private readonly readWeight: WeightReader,
    private readonly backend: string,
  ) {
    this.use();
    for (const [name, values] of Object.entries(initial)) this.writeState(name, values);
  }

  async prepare(program: string): Promise<void> {
    this.use();
    const { spec } = this.programOf(program);
    for (const [name, { shape, source }] of Object.entries(spec.weights)) {
      if (this.weights.has(name)) continue;
      this.weights.set(name, keep(tensor(await this.readWeight(source), [...shape], 'float32')));
    }
  }

  async run(program: string, { data = {}, scalars = {} }: RunInputs): Promise<Record<string, NumericArray>> {
    await this.prepare(program);
    const { program: step, spec } = this.programOf(program);
    const results: Record<string, NumericArray> = {};
    const next = new Map<string, Tensor>();
    tidy(() => {
      const given = ([name, { shape, dtype }]: [string, TensorSpec]) => {
        const values = data[name];
        if (!values) {
          throw new LowrankError('input_missing', `the step ${program} was run without its input ${name}`);
        }
        return [name, tensor(values, [...shape], dtype)] as const;
      };
      const { outputs, state } = step({
        data: Object.fromEntries(Object.entries(spec.data).map(given)),
        scalars: Object.fromEntries(spec.scalars.map((name) => [name, scalar(scalars[name] ?? Number.NaN)])),
        state: Object.fromEntries(Object.keys(spec.state).map((name) => [name, this.stateOf(name)])),
        weights: Object.fromEntries(this.weights),
      });
      for (const [name, value] of Object.entries(outputs)) results[name] = value.dataSync();
      for (const [name, value] of Object.entries(state)) next.set(name, keep(value));
    });
    for (const [name, value] of next) {
      this.state.get(name)?.dispose();
      this.state.set(name, value);
    }
    return results;
  }

  readState(name: string): Float32Array {
    return this.stateOf(name).dataSync().slice() as Float32Array;
  }

  writeState(name: string, values: Float32Array): void {
    this.use();
    this.state.get(name)?.dispose();
    this.state.set(name, keep(tensor(values.slice(), [this.initial[name]!.length], 'float32')));
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
