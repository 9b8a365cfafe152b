/**
 * The recorder behind a trace: hands out values, appends nodes, keeps track of scopes, segments and loop bodies.
 */
import { LowrankError } from '#base/errors.js';
import { sizeOf, type Shape } from '#base/shapes.js';
import type {
  Attributes,
  CheckpointSegment,
  Body,
  Constant,
  Intermediate,
  Node,
  TensorSpec,
  Value,
} from '#jit/graph.js';

/** Numbers written into a graph beyond this size belong into an input, a weight file or an operation. */
export const maxConstantBytes = 64 * 1024;

/** A big array of numbers got into a traced graph as data. */
export class ConstantTooLargeError extends LowrankError {
  constructor(bytes: number, shape: Shape, site: string) {
    super(
      'constant_too_large',
      `a constant of shape [${shape.join(', ')}] (${bytes} bytes) was written into the graph at ${site}; ` +
        `the limit is ${maxConstantBytes} bytes: pass it as an input or compute it with operations`,
      { details: { bytes, site } },
    );
  }
}

/** Part of a value that a caller gives; the tracer adds the id. */
type Unnumbered<T> = T extends Value ? Omit<T, 'id'> : never;

export class Tracer {
  readonly nodes: Node[] = [];
  readonly segments: CheckpointSegment[] = [];
  private nextId = 0;
  private nodeList = this.nodes;
  private readonly scopes: string[] = [];
  private segment: number | undefined;
  /** The innermost module that an error came out of. */
  failedIn: string | undefined;

  /** Makes a value that no node computes. */
  define<T extends Value>(value: Unnumbered<T>): T {
    return { ...value, id: this.nextId++ } as unknown as T;
  }

  private intermediate({ shape, dtype }: TensorSpec): Intermediate {
    return this.define<Intermediate>({ kind: 'node', shape, dtype });
  }

  /** Makes a constant; arrays whose elements are all equal are kept as one number. */
  constant(data: Float32Array | Int32Array | Uint8Array, spec: TensorSpec): Constant {
    const uniform = data.every((value) => Object.is(value, data[0]));
    if (!uniform && data.byteLength > maxConstantBytes) {
      throw new ConstantTooLargeError(data.byteLength, spec.shape, this.callSite());
    }
    const kept = uniform ? data.slice(0, 1) : data.slice();
    return this.define<Constant>({
      kind: 'constant',
      shape: spec.shape,
      dtype: spec.dtype,
      data: kept,
      uniform,
    });
  }

  /** Appends a kernel call and returns its results. */
  record(
    kernel: string,
    inputs: readonly Value[],
    outputs: readonly TensorSpec[],
    attributes: Attributes,
    body?: Body,
  ): Intermediate[] {
    const results = outputs.map((spec) => this.intermediate(spec));
    this.nodeList.push({
      kernel,
      inputs,
      outputs: results,
      attributes,
      scope: this.scope,
      ...(this.segment === undefined ? {} : { segment: this.segment }),
      ...(body ? { body } : {}),
    });
    return results;
  }

  /** Records what `trace` does into a body of its own, with fresh parameters of the given specs. */
  recordBody(
    parameters: readonly TensorSpec[],
    trace: (parameters: Intermediate[]) => readonly Value[],
  ): Body {
    const outer = this.nodeList;
    const nodes: Node[] = [];
    this.nodeList = nodes;
    try {
      const values = parameters.map((spec) => this.intermediate(spec));
      return { parameters: values, nodes, results: trace(values) };
    } finally {
      this.nodeList = outer;
    }
  }

  /** Names the nodes that `trace` makes after a module. */
  inScope<T>(name: string, trace: () => T): T {
    this.scopes.push(name);
    try {
      return trace();
    } catch (error) {
      this.failedIn ??= this.scope;
      throw error;
    } finally {
      this.scopes.pop();
    }
  }

  /** Marks the nodes that `trace` makes as one recomputable segment; `resultsOf` names the values to keep. */
  inSegment<T>(trace: () => T, resultsOf: (result: T) => readonly Value[]): T {
    const outer = this.segment;
    const index = this.segments.length;
    this.segments.push({ index, results: [] });
    this.segment = index;
    try {
      const result = trace();
      this.segments[index] = { index, results: resultsOf(result) };
      return result;
    } finally {
      this.segment = outer;
    }
  }

  get scope(): string {
    return this.scopes.join('.');
  }

  /** The module that is being traced, and the first line of code outside of this library that called an operation. */
  callSite(): string {
    return siteText(this.scope, new Error());
  }
}

/** A module, and the first line of code in an error's stack that is neither TensorFlow.js nor this library. */
export function siteText(scope: string, error: Error): string {
  const own = /libs[\\/]jit[\\/](?!.*\.test\.)|node_modules|node:|<anonymous>/;
  const frames = (error.stack ?? '').split('\n').map((line) => line.trim());
  const frame = frames.find((line) => line.startsWith('at ') && !own.test(line))?.slice('at '.length);
  return [scope, frame].filter(Boolean).join(', ') || 'an unnamed place';
}

/** Bytes that the elements of a spec take in memory. */
export function byteSizeOf(spec: TensorSpec): number {
  return sizeOf(spec.shape) * (spec.dtype === 'bool' ? 1 : 4);
}
