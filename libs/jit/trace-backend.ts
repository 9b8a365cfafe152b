/** A TensorFlow.js backend whose tensors hold no numbers: every kernel that is called on it becomes a node. */
import { LowrankError } from '#base/errors.js';
import type { Attribute, Attributes, TensorSpec, Value } from '#jit/graph.js';
import { kernelTable } from '#jit/kernel-table.js';
import type { KernelRule } from '#jit/kernel.js';
import {
  engine,
  KernelBackend,
  registerBackend,
  registerKernel,
  type Tensor,
  type TensorInfo,
} from '#jit/ops.js';
import '#jit/tensorflow-gradients.js';
import type { Tracer } from '#jit/tracer.js';

/** Name under which the tracing backend is registered with TensorFlow.js. */
export const traceBackend = 'lowrank-trace';

/** A step needed numbers while it was being traced, or called a kernel that cannot be traced. */
export class TraceError extends LowrankError {}

/** A TensorFlow.js kernel that has no entry in the kernel table. */
export class UnknownKernelError extends LowrankError {
  constructor(kernel: string, site: string) {
    super('unknown_kernel', `the kernel ${kernel}, called at ${site}, has no entry in the kernel table`, {
      details: { kernel, site },
    });
  }
}

type DataId = object;
type Numbers = Float32Array | Int32Array | Uint8Array;

class TraceBackend extends KernelBackend {
  private readonly values = new WeakMap<DataId, Value>();
  tracer: Tracer | undefined;

  get active(): Tracer {
    if (!this.tracer) throw new TraceError('not_tracing', 'the tracing backend works only inside trace()');
    return this.tracer;
  }

  add(value: Value): DataId {
    const dataId = {};
    this.values.set(dataId, value);
    return dataId;
  }

  find(dataId: DataId): Value {
    const value = this.values.get(dataId);
    if (!value) {
      const site = this.active.callSite();
      throw new TraceError(
        'foreign_tensor',
        `a tensor made outside of the traced step was used in it, at ${site}`,
      );
    }
    return value;
  }

  override write(values: Numbers, shape: number[], dtype: TensorSpec['dtype']): DataId {
    return this.add(this.active.constant(toTypedArray(values, dtype), { shape, dtype }));
  }

  override readSync(): never {
    throw new TraceError(
      'no_numbers',
      `a step read the numbers of a tensor while it was traced, at ${this.active.callSite()}; a traced step may only compute`,
    );
  }

  override read(): never {
    return this.readSync();
  }

  override disposeData(): boolean {
    return true;
  }

  override refCount(): number {
    return 1;
  }

  override incRef(): void {}

  override numDataIds(): number {
    return 0;
  }

  override floatPrecision(): 32 {
    return 32;
  }

  override epsilon(): number {
    return 1e-7;
  }

  override memory(): { unreliable: boolean } {
    return { unreliable: true };
  }

  override dispose(): void {}
}

/** TensorFlow.js hands over plain arrays for literals; a graph stores typed ones. */
function toTypedArray(values: ArrayLike<number>, dtype: TensorSpec['dtype']): Numbers {
  if (values instanceof Float32Array || values instanceof Int32Array || values instanceof Uint8Array) {
    return values;
  }
  if (dtype === 'float32') return Float32Array.from(values);
  return dtype === 'int32' ? Int32Array.from(values) : Uint8Array.from(values);
}

const backend = new TraceBackend();
registerBackend(traceBackend, () => backend);

/** Attributes as plain data: nested lists laid out flat, absent ones left out. */
function plainAttributes(attributes: object | undefined): Attributes {
  const entries = Object.entries(attributes ?? {}).filter(
    ([, value]) => value !== undefined && value !== null,
  );
  return Object.fromEntries(
    entries.map(([name, value]) => [name, Array.isArray(value) ? value.flat() : (value as Attribute)]),
  );
}

function recordKernel(
  name: string,
  rule: KernelRule,
  inputs: readonly Value[],
  attributes: Attributes,
): Value[] {
  const [first] = inputs;
  // A copy of a value is the value: nothing in a graph is ever changed in place.
  if (first && (name === 'Identity' || (name === 'Cast' && attributes['dtype'] === first.dtype))) {
    return [first];
  }
  return backend.active.record(name, inputs, rule.infer(inputs, attributes), attributes);
}

for (const [kernelName, rule] of Object.entries(kernelTable) as [string, KernelRule][]) {
  registerKernel({
    kernelName,
    backendName: traceBackend,
    kernelFunc: ({ inputs, attrs }): TensorInfo[] | TensorInfo => {
      const names = rule.inputs === 'list' ? Object.keys(inputs) : rule.inputs;
      const values = names.map((name) => valueOf(inputs[name] as TensorInfo));
      const outputs = recordKernel(kernelName, rule, values, plainAttributes(attrs)).map(tensorInfoOf);
      return outputs.length === 1 ? (outputs[0] as TensorInfo) : outputs;
    },
  });
}

// A copy of a value is the value: nothing in a graph is ever changed in place.
registerKernel({
  kernelName: 'Identity',
  backendName: traceBackend,
  kernelFunc: ({ inputs }) => tensorInfoOf(valueOf(inputs['x'] as TensorInfo)),
});

registerKernel({
  kernelName: 'ExpandDims',
  backendName: traceBackend,
  kernelFunc: ({ inputs, attrs }) => {
    const x = valueOf(inputs['input'] as TensorInfo);
    const dim = Number(attrs?.['dim']);
    const shape = x.shape.toSpliced(dim < 0 ? dim + x.shape.length + 1 : dim, 0, 1);
    const [result] = backend.active.record('Reshape', [x], [{ shape, dtype: x.dtype }], { shape });
    return tensorInfoOf(result!);
  },
});

/** Puts a tracer to work, or none. */
export function useTracer(tracer: Tracer | undefined): void {
  backend.tracer = tracer;
}

/** The tracer at work, or undefined when a step runs eagerly. */
export function activeTracer(): Tracer | undefined {
  return backend.tracer;
}

/** The traced value behind a tensor. */
export function valueOf(tensor: { dataId: object }): Value {
  return backend.find(tensor.dataId);
}

/** A tensor that stands for a traced value. */
export function tensorOf(value: Value): Tensor {
  return engine().makeTensorFromDataId(backend.add(value), [...value.shape], value.dtype);
}

/** The same as {@link tensorOf} in the form that kernel functions return. */
export function tensorInfoOf(value: Value): { dataId: object; shape: number[]; dtype: TensorSpec['dtype'] } {
  return { dataId: backend.add(value), shape: [...value.shape], dtype: value.dtype };
}
