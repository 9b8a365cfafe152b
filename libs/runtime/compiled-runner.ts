/** A runner on ONNX Runtime. */
import { LowrankError } from '#base/errors.js';
import type { CompiledGraph } from '#runtime/compile.js';
import { cachedGraph } from '#runtime/graph-cache.js';
import type { Device } from '#runtime/device.js';
import type { MemoryPlan } from '#runtime/memory-plan.js';
import { type NumericArray, zerosFor } from '#runtime/numeric-array.js';
import type { OnnxValue } from '#runtime/onnx-graph.js';
import { checkStateSize, type InitialState, type RunInputs, type Runner } from '#runtime/runner.js';
import { type Buffer, Session } from '#runtime/session.js';
import { leaveWeight, takeWeight } from '#runtime/loaded-weights.js';
import { linkWeightFiles } from '#runtime/weight-folder.js';

/** A step function by what it depends on, and how to compile it when no compiled form of that is at hand. */
export interface CompilableProgram {
  readonly key: unknown;
  readonly compile: () => Promise<CompiledGraph>;
}

export interface CompiledRunnerOptions {
  readonly device: Device;
  readonly threads: number;
  readonly spin: boolean;
  /** Folder for compiled graphs; none = compile every time. */
  readonly cacheFolder: string | undefined;
}

interface Loaded {
  readonly session: Session;
  readonly graph: CompiledGraph;
  /** Those that the session does not map. */
  readonly weights: ReadonlyMap<string, Float32Array>;
}

/** A state's numbers, and a second array that the next run writes into. */
interface StateBuffers {
  current: Float32Array;
  spare: Float32Array;
}

const specOf = ({ shape, type }: OnnxValue) => ({ shape, dtype: type });

export class CompiledRunner implements Runner {
  private readonly loaded = new Map<string, Promise<Loaded>>();
  private readonly state: Map<string, StateBuffers>;
  private previous: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly programs: Readonly<Record<string, CompilableProgram>>,
    initial: InitialState,
    private readonly options: CompiledRunnerOptions,
  ) {
    this.state = new Map(
      Object.entries(initial).map(([name, values]) => [
        name,
        { current: values.slice(), spare: new Float32Array(values.length) },
      ]),
    );
  }

  async prepare(program: string): Promise<void> {
    await this.load(program);
  }

  /** What a step function will need in memory. */
  async plan(program: string): Promise<MemoryPlan> {
    return (await this.load(program)).graph.plan;
  }

  /** Runs one after the other: each reads the state that the one before it left. */
  run(program: string, inputs: RunInputs): Promise<Record<string, NumericArray>> {
    const result = this.previous.then(() => this.runNow(program, inputs));
    this.previous = result.catch(() => undefined);
    return result;
  }

  private async runNow(
    program: string,
    { data = {}, scalars = {} }: RunInputs,
  ): Promise<Record<string, NumericArray>> {
    const { session, graph, weights } = await this.load(program);
    const inputs = graph.inputs.map((value): Buffer => {
      const scalar = scalars[value.name];
      const array =
        weights.get(value.name) ??
        this.state.get(value.name)?.current ??
        data[value.name] ??
        (scalar === undefined ? undefined : Float32Array.of(scalar));
      if (!array) {
        throw new LowrankError(
          'input_missing',
          `the step ${program} was run without its input ${value.name}`,
        );
      }
      return { value, array };
    });
    const results = Object.entries(graph.outputs).map(([name, value]) => ({
      name,
      value,
      array: zerosFor(specOf(value)),
    }));
    const next = Object.entries(graph.nextState).map(([name, value]) => ({
      name,
      value,
      array: this.buffers(name).spare,
    }));
    await session.run(inputs, [...results, ...next]);
    for (const { name } of next) {
      const buffers = this.buffers(name);
      [buffers.current, buffers.spare] = [buffers.spare, buffers.current];
    }
    return Object.fromEntries(results.map(({ name, array }) => [name, array]));
  }

  readState(name: string): Float32Array {
    return this.buffers(name).current.slice();
  }

  writeState(name: string, values: Float32Array): void {
    const { current } = this.buffers(name);
    checkStateSize(name, current.length, values);
    current.set(values);
  }

  async close(): Promise<void> {
    await this.previous;
    for (const loading of this.loaded.values()) {
      const { session, graph } = await loading;
      await session.release();
      graph.loadedWeights.forEach(leaveWeight);
    }
    this.loaded.clear();
  }

  private buffers(name: string): StateBuffers {
    const buffers = this.state.get(name);
    if (!buffers) throw new LowrankError('state_missing', `there is no state ${name}`);
    return buffers;
  }

  private load(name: string): Promise<Loaded> {
    const known = this.loaded.get(name);
    if (known) return known;
    const program = this.programs[name];
    if (!program) throw new LowrankError('program_missing', `there is no step function ${name}`);
    const loading = this.create(program);
    this.loaded.set(name, loading);
    // What failed may succeed another time: a full disk, a file that was missing.
    loading.catch(() => this.loaded.delete(name));
    return loading;
  }

  private async create(program: CompilableProgram): Promise<Loaded> {
    const { cacheFolder, ...options } = this.options;
    const { graph } = await cachedGraph(cacheFolder, program.key, program.compile);
    await linkWeightFiles(graph.weightLinks);
    const session = await Session.create(graph.bytes, {
      ...options,
      weightFolder: graph.weightFolder,
      packsWeights: graph.packsWeights,
    });
    const weights = new Map<string, Float32Array>();
    for (const weight of graph.loadedWeights) weights.set(weight.name, await takeWeight(weight));
    return { session, graph, weights };
  }
}
