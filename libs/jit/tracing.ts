/** The trace at work, if one is: which tracer records, and which traced value stands behind a tensor. */
import { LowrankError } from '#base/errors.js';
import type { TensorSpec, Value } from '#jit/graph.js';
import { engine, type Tensor } from '#jit/ops.js';
import type { Tracer } from '#jit/tracer.js';

/** A step needed numbers while it was being traced, or called a kernel that cannot be traced. */
export class TraceError extends LowrankError {}

/** What TensorFlow.js knows a tensor's numbers by. */
export type DataId = object;

const values = new WeakMap<DataId, Value>();
let tracer: Tracer | undefined;

/** Puts a tracer to work, or none. */
export function useTracer(next: Tracer | undefined): void {
  tracer = next;
}

/** The tracer at work, or undefined when a step runs eagerly. */
export function activeTracer(): Tracer | undefined {
  return tracer;
}

/** The tracer at work. Throws TraceError `not_tracing`. */
export function requireTracer(): Tracer {
  if (!tracer) throw new TraceError('not_tracing', 'the tracing backend works only inside trace()');
  return tracer;
}

/** The name under which TensorFlow.js will know a traced value. */
export function dataIdOf(value: Value): DataId {
  const dataId = {};
  values.set(dataId, value);
  return dataId;
}

/** The traced value behind a tensor. Throws TraceError `foreign_tensor`. */
export function valueOf({ dataId }: { readonly dataId: DataId }): Value {
  const value = values.get(dataId);
  if (!value) {
    const site = requireTracer().callSite();
    throw new TraceError(
      'foreign_tensor',
      `a tensor made outside of the traced step was used in it, at ${site}`,
    );
  }
  return value;
}

/** A tensor that stands for a traced value. */
export function tensorOf(value: Value): Tensor {
  return engine().makeTensorFromDataId(dataIdOf(value), [...value.shape], value.dtype);
}

/** The same as {@link tensorOf} in the form that kernel functions return. */
export function tensorInfoOf(value: Value): { dataId: object; shape: number[]; dtype: TensorSpec['dtype'] } {
  return { dataId: dataIdOf(value), shape: [...value.shape], dtype: value.dtype };
}

/** Names what is traced inside after a module; eagerly it only calls. */
export function inScope<T>(name: string, run: () => T): T {
  return tracer ? tracer.inScope(name, run) : run();
}

/** Marks what is traced inside as one segment that may be recomputed in the backward pass; eagerly it only calls. */
export function recomputable(run: () => Tensor): Tensor {
  return tracer ? tracer.inSegment(run, (result) => [valueOf(result)]) : run();
}
