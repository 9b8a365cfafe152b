/** A TensorFlow.js backend whose tensors hold no numbers: every kernel that is called on it becomes a node. */
import { LowrankError } from '#base/errors.js';
import { type TensorFlow, tensorflow, type TensorInfo } from '#jit/door.js';
import type { Attribute, Attributes, TensorSpec, Value } from '#jit/graph.js';
import { kernelTable } from '#jit/kernel-table.js';
import type { KernelRule } from '#jit/kernel.js';
import '#jit/tensorflow-gradients.js';
import { type DataId, dataIdOf, requireTracer, tensorInfoOf, TraceError, valueOf } from '#jit/tracing.js';

/** Name under which the tracing backend is registered with TensorFlow.js. */
export const traceBackend = 'lowrank-trace';

/** A TensorFlow.js kernel that has no entry in the kernel table. */
export class UnknownKernelError extends LowrankError {
  constructor(kernel: string, site: string) {
    super('unknown_kernel', `the kernel ${kernel}, called at ${site}, has no entry in the kernel table`, {
      details: { kernel, site },
    });
  }
}

type Numbers = Float32Array | Int32Array | Uint8Array;

function createBackend(tf: TensorFlow): InstanceType<TensorFlow['KernelBackend']> {
  return new (class extends tf.KernelBackend {
    override write(values: Numbers, shape: number[], dtype: TensorSpec['dtype']): DataId {
      return dataIdOf(requireTracer().constant(toTypedArray(values, dtype), { shape, dtype }));
    }

    override readSync(): never {
      throw new TraceError(
        'no_numbers',
        `a step read the numbers of a tensor while it was traced, at ${requireTracer().callSite()}; a traced step may only compute`,
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
  })();
}

/** TensorFlow.js hands over plain arrays for literals; a graph stores typed ones. */
function toTypedArray(values: ArrayLike<number>, dtype: TensorSpec['dtype']): Numbers {
  if (values instanceof Float32Array || values instanceof Int32Array || values instanceof Uint8Array) {
    return values;
  }
  if (dtype === 'float32') return Float32Array.from(values);
  return dtype === 'int32' ? Int32Array.from(values) : Uint8Array.from(values);
}

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
  // A conversion to the type that is there is no work: nothing in a graph is ever changed in place.
  if (first && name === 'Cast' && attributes['dtype'] === first.dtype) return [first];
  return requireTracer().record(name, inputs, rule.infer(inputs, attributes), attributes);
}

function registerKernels({ registerKernel }: TensorFlow): void {
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
      const [result] = requireTracer().record('Reshape', [x], [{ shape, dtype: x.dtype }], { shape });
      return tensorInfoOf(result!);
    },
  });
}

let isRegistered = false;

/** Introduces the backend and its kernels to TensorFlow.js, once. */
export function registerTraceBackend(): void {
  if (isRegistered) return;
  const tf = tensorflow();
  const backend = createBackend(tf);
  tf.registerBackend(traceBackend, () => backend);
  registerKernels(tf);
  isRegistered = true;
}
