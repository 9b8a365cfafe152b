/** Builds an ONNX graph operator by operator; lowering rules write through it. */
import type { ByteRange, Constant, DType, WeightSource } from '#jit/graph.js';
import type { Capabilities } from '#runtime/capabilities.js';
import type {
  ExternalTensor,
  InlineTensor,
  OnnxAttribute,
  OnnxBody,
  OnnxNode,
  OnnxType,
  OnnxValue,
} from '#runtime/onnx-graph.js';
import type { LoadedWeight } from '#runtime/loaded-weights.js';
import type { WeightWriter } from '#runtime/weight-schemes/scheme.js';

type Shape = readonly number[];

/** An operator's left-out optional input. */
const absent: OnnxValue = { name: '', shape: [], type: 'float32' };

export class OnnxBuilder implements WeightWriter {
  readonly inline: InlineTensor[] = [];
  readonly external: ExternalTensor[] = [];
  readonly loadedWeights: LoadedWeight[] = [];
  /** Names the kernel and module that operators are written for. */
  home = '';
  private readonly nodes: OnnxNode[] = [];
  private list = this.nodes;
  private count = 0;
  private readonly constants = new Map<string, OnnxValue>();
  private readonly memo = new Map<string, OnnxValue>();
  /** What besideUse has made outside of loops for use inside of them. */
  private readonly outside = new Map<string, OnnxValue>();
  /** What `kept` has made, by the body that it lies in. */
  private readonly results = new Map<readonly OnnxNode[], Map<string, unknown>>();

  constructor(readonly can: Capabilities) {}

  get finishedNodes(): readonly OnnxNode[] {
    return this.nodes;
  }

  fresh(shape: Shape, type: OnnxType): OnnxValue {
    return { name: `%${this.count++}`, shape: [...shape], type };
  }

  /** Writes an operator with several results. */
  emitAll(
    op: string,
    inputs: readonly (OnnxValue | undefined)[],
    outputs: readonly { shape: Shape; type: OnnxType }[],
    attributes: Readonly<Record<string, OnnxAttribute>> = {},
    options: { domain?: string; body?: OnnxBody } = {},
  ): OnnxValue[] {
    const results = outputs.map(({ shape, type }) => this.fresh(shape, type));
    this.list.push({
      op,
      domain: options.domain ?? '',
      inputs: inputs.map((input) => input ?? absent),
      outputs: results,
      attributes,
      home: this.home,
      ...(options.body ? { body: options.body } : {}),
    });
    return results;
  }

  /** Writes an operator with one result of the given shape; its type is the first input's unless given. */
  emit(
    op: string,
    inputs: readonly (OnnxValue | undefined)[],
    shape: Shape,
    attributes: Readonly<Record<string, OnnxAttribute>> = {},
    options: { domain?: string; type?: OnnxType } = {},
  ): OnnxValue {
    const type = options.type ?? inputs[0]?.type ?? 'float32';
    return this.emitAll(op, inputs, [{ shape, type }], attributes, options)[0] as OnnxValue;
  }

  /** Writes a com.microsoft operator with one result. */
  emitMicrosoft(
    op: string,
    inputs: readonly (OnnxValue | undefined)[],
    shape: Shape,
    attributes: Readonly<Record<string, OnnxAttribute>> = {},
  ): OnnxValue {
    return this.emit(op, inputs, shape, attributes, { domain: 'com.microsoft' });
  }

  /** Writes what `build` writes into a body of its own. */
  nested(inputs: readonly OnnxValue[], build: () => readonly OnnxValue[]): OnnxBody {
    const outer = this.list;
    const nodes: OnnxNode[] = [];
    this.list = nodes;
    try {
      return { inputs, outputs: build(), nodes };
    } finally {
      this.list = outer;
    }
  }

  /** Writes what `build` writes outside of any body, once for each key. */
  shared(key: string, build: () => OnnxValue): OnnxValue {
    const known = this.memo.get(key);
    if (known) return known;
    const inner = this.list;
    this.list = this.nodes;
    try {
      const value = build();
      this.memo.set(key, value);
      return value;
    } finally {
      this.list = inner;
    }
  }

  /**
   * What an earlier rule wrote under the same key where it can be read, or what `build` writes now, for results worth
   * their memory.
   */
  kept<T>(key: string, build: () => T): T {
    const known = this.results.get(this.list)?.get(key) ?? this.results.get(this.nodes)?.get(key);
    if (known !== undefined) return known as T;
    const value = build();
    const here = this.results.get(this.list) ?? new Map<string, unknown>();
    this.results.set(this.list, here.set(key, value));
    return value;
  }

  /** A constant tensor stored in the model; equal ones are stored once. */
  constant(
    data: Float32Array | Int32Array | BigInt64Array | Uint8Array,
    shape: Shape,
    type: OnnxType = constantType(data),
  ): OnnxValue {
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    const key = `${type}[${shape.join(',')}]${Buffer.from(bytes).toString('base64')}`;
    const known = this.constants.get(key);
    if (known) return known;
    const value = { ...this.fresh(shape, type), name: `%c${this.constants.size}` };
    this.constants.set(key, value);
    this.inline.push({ value, bytes: bytes.slice() });
    return value;
  }

  /** A float32 scalar. */
  float(value: number): OnnxValue {
    return this.constant(Float32Array.of(value), []);
  }

  /** An int64 vector, the form in which ONNX takes shapes, axes and sizes. */
  ints(values: readonly number[]): OnnxValue {
    return this.constant(BigInt64Array.from(values.map(BigInt)), [values.length]);
  }

  /** A constant of a traced graph; one number that fills a tensor is written as an operator. */
  tracedConstant(constant: Constant): OnnxValue {
    if (constant.uniform && constant.shape.length > 0) {
      return this.filled(constant.shape, constant.dtype, constant.data[0] ?? 0);
    }
    return this.constant(constant.data, constant.shape);
  }

  /** A tensor that holds one number everywhere, made when the graph runs. */
  filled(shape: Shape, type: DType, value: number): OnnxValue {
    const one =
      type === 'float32'
        ? Float32Array.of(value)
        : type === 'int32'
          ? Int32Array.of(value)
          : Uint8Array.of(value);
    return this.emit('Expand', [this.constant(one, []), this.ints(shape)], shape);
  }

  mapped(name: string, shape: Shape, type: OnnxType, { file, offset, byteLength }: ByteRange): OnnxValue {
    const key = `weight ${name}`;
    const known = this.memo.get(key);
    if (known) return known;
    const value: OnnxValue = { name, shape, type };
    this.external.push({ value, file, offset, byteLength });
    this.memo.set(key, value);
    return value;
  }

  loaded(name: string, shape: Shape, source: WeightSource): OnnxValue {
    const key = `weight ${name}`;
    const known = this.memo.get(key);
    if (known) return known;
    const value: OnnxValue = { name, shape, type: 'float32' };
    this.loadedWeights.push({ name, shape, source });
    this.memo.set(key, value);
    return value;
  }

  besideUse(key: string, make: () => OnnxValue): OnnxValue {
    if (this.list === this.nodes) return make();
    const known = this.outside.get(key);
    if (known) return known;
    const inner = this.list;
    this.list = this.nodes;
    const value = make();
    this.list = inner;
    this.outside.set(key, value);
    return value;
  }

  cast(value: OnnxValue, type: OnnxType): OnnxValue {
    if (value.type === type) return value;
    return this.emit('Cast', [value], value.shape, { to: onnxTypeNumber[type] }, { type });
  }

  /** The same numbers under another shape; no work is done for it. */
  reshape(value: OnnxValue, shape: Shape): OnnxValue {
    if (shape.length === value.shape.length && shape.every((size, i) => size === value.shape[i])) {
      return value;
    }
    return this.emit('Reshape', [value, this.ints(shape)], shape);
  }

  /** Rows `from` to `to` of one axis. */
  sliceAxis(value: OnnxValue, axis: number, from: number, to: number): OnnxValue {
    if (from === 0 && to === value.shape[axis]) return value;
    const shape = value.shape.with(axis, to - from);
    return this.emit('Slice', [value, this.ints([from]), this.ints([to]), this.ints([axis])], shape);
  }

  binary(op: string, a: OnnxValue, b: OnnxValue): OnnxValue {
    const rank = Math.max(a.shape.length, b.shape.length);
    const shape = Array.from({ length: rank }, (_, i) => {
      const p = a.shape[a.shape.length - rank + i] ?? 1;
      return p === 1 ? (b.shape[b.shape.length - rank + i] ?? 1) : p;
    });
    return this.emit(op, [a, b], shape);
  }

  unary(op: string, x: OnnxValue): OnnxValue {
    return this.emit(op, [x], x.shape);
  }

  /** A reduction over the last axis that keeps it with size 1. */
  reduceRows(op: string, x: OnnxValue): OnnxValue {
    return this.emit(op, [x, this.ints([x.shape.length - 1])], x.shape.with(x.shape.length - 1, 1), {
      keepdims: 1,
    });
  }
}

/** Numbers of the element types in ONNX's TensorProto. */
export const onnxTypeNumber: Readonly<Record<OnnxType, number>> = {
  float32: 1,
  uint8: 2,
  int8: 3,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
  uint32: 12,
  bfloat16: 16,
  uint4: 21,
};

function constantType(data: Float32Array | Int32Array | BigInt64Array | Uint8Array): OnnxType {
  if (data instanceof Float32Array) return 'float32';
  if (data instanceof Int32Array) return 'int32';
  return data instanceof BigInt64Array ? 'int64' : 'bool';
}
