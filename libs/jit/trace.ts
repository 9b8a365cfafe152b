/** Tracing: running a step function once, gradient tape included, yields the graph of everything the step does. */
import { LowrankError } from '#base/errors.js';
import type {
  DataInput,
  FrozenWeight,
  Graph,
  ScalarInput,
  StateInput,
  TensorSpec,
  WeightSpec,
} from '#jit/graph.js';
import { currentBackend, setBackendNow, type Tensor, tidy } from '#jit/ops.js';
import { registerTraceBackend, traceBackend, UnknownKernelError } from '#jit/trace-backend.js';
import { siteText, Tracer } from '#jit/tracer.js';
import { activeTracer, tensorOf, TraceError, useTracer, valueOf } from '#jit/tracing.js';

/** What a step function reads, by name. */
export interface ProgramSpec {
  readonly data: Readonly<Record<string, TensorSpec>>;
  /** Names of float32 scalars. */
  readonly scalars: readonly string[];
  readonly state: Readonly<Record<string, TensorSpec>>;
  readonly weights: Readonly<Record<string, WeightSpec>>;
}

/** The tensors that a step function is called with. */
export interface ProgramInputs {
  readonly data: Readonly<Record<string, Tensor>>;
  readonly scalars: Readonly<Record<string, Tensor>>;
  readonly state: Readonly<Record<string, Tensor>>;
  readonly weights: Readonly<Record<string, Tensor>>;
}

/** What a step function gives back: results to read, and the next value of each state it changes. */
export interface ProgramOutputs {
  readonly outputs: Readonly<Record<string, Tensor>>;
  readonly state: Readonly<Record<string, Tensor>>;
}

/** A step function: plain TensorFlow.js operations, the same code traced and eager. */
export type Program = (inputs: ProgramInputs) => ProgramOutputs;

function mapValues<T, R>(
  record: Readonly<Record<string, T>>,
  map: (value: T, name: string) => R,
): Record<string, R> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, map(value, name)]));
}

/**
 * Runs a step function once on tensors without numbers and returns the graph of what it did.
 *
 * Throws {@link UnknownKernelError} for a kernel outside the table, {@link TraceError} when the step reads numbers.
 */
export function trace(program: Program, spec: ProgramSpec): Graph {
  if (activeTracer()) throw new TraceError('nested_trace', 'trace() was called inside trace()');
  const previous = currentBackend();
  const { stackTraceLimit } = Error;
  const tracer = new Tracer();
  registerTraceBackend();
  useTracer(tracer);
  setBackendNow(traceBackend);
  // Errors name the line that called an operation, which lies below many frames of TensorFlow.js.
  Error.stackTraceLimit = 50;
  try {
    const data = mapValues(spec.data, (tensor, name) =>
      tracer.define<DataInput>({ kind: 'data', name, ...tensor }),
    );
    const scalars = Object.fromEntries(
      spec.scalars.map((name) => [
        name,
        tracer.define<ScalarInput>({ kind: 'scalar', name, shape: [], dtype: 'float32' }),
      ]),
    );
    const state = mapValues(spec.state, (tensor, name) =>
      tracer.define<StateInput>({ kind: 'state', name, ...tensor }),
    );
    const weights = mapValues(spec.weights, ({ shape, source }, name) =>
      tracer.define<FrozenWeight>({ kind: 'weight', name, shape, dtype: 'float32', source }),
    );
    let graph: Graph | undefined;
    tidy(() => {
      const result = program({
        data: mapValues(data, tensorOf),
        scalars: mapValues(scalars, tensorOf),
        state: mapValues(state, tensorOf),
        weights: mapValues(weights, tensorOf),
      });
      const named = (tensors: Readonly<Record<string, Tensor>>) =>
        Object.entries(tensors).map(([name, tensor]) => ({ name, value: valueOf(tensor) }));
      graph = {
        data: Object.values(data),
        scalars: Object.values(scalars),
        state: Object.values(state),
        weights: Object.values(weights),
        nodes: tracer.nodes,
        outputs: named(result.outputs),
        nextState: named(result.state),
        segments: tracer.segments,
      };
    });
    return graph as unknown as Graph;
  } catch (error) {
    const missing = /[Kk]ernel '(\w+)'/.exec(error instanceof Error ? error.message : '');
    if (missing && !(error instanceof LowrankError)) {
      throw new UnknownKernelError(missing[1] ?? '', siteText(tracer.failedIn ?? '', error as Error));
    }
    throw error;
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
    useTracer(undefined);
    if (previous && previous !== traceBackend) setBackendNow(previous);
  }
}
