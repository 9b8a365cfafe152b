/** What a kernel case is, and the numbers that cases read. */
import { sizeOf } from '#base/shapes.js';
import type { TensorSpec } from '#jit/graph.js';
import type { Tensor } from '#jit/ops.js';
import { normalAt, streamKey, uniformAt } from '#jit/random.js';
import type { NumericArray } from '#runtime/numeric-array.js';

/** A tensor that a case reads: its spec and its numbers. */
export interface CaseInput extends TensorSpec {
  readonly values: NumericArray;
}

export interface KernelCase {
  /** The entry of the table, or what else is shown. */
  readonly name: string;
  readonly inputs: readonly CaseInput[];
  /** How many of the inputs, from the first, are differentiated. */
  readonly differentiated: number;
  readonly run: (inputs: Tensor[]) => Tensor | Tensor[];
}

let stream = 0;

/** Makes the inputs that follow the same in every call; each takes the numbers of one stream more. */
export function startStreams(first: number): void {
  stream = first;
}

/** Normal numbers. */
export function normal(...shape: number[]): CaseInput {
  const key = streamKey(1, stream++, 'normal');
  return {
    shape,
    dtype: 'float32',
    values: Float32Array.from({ length: sizeOf(shape) }, (_, i) => normalAt(key, i)),
  };
}

/** Numbers in [0.5, 1.5), safe for logarithms and divisions. */
export function positive(...shape: number[]): CaseInput {
  const key = streamKey(1, stream++, 'positive');
  const values = Float32Array.from({ length: sizeOf(shape) }, (_, i) => 0.5 + uniformAt(key, i));
  return { shape, dtype: 'float32', values };
}

export function integers(below: number, ...shape: number[]): CaseInput {
  const key = streamKey(1, stream++, 'integers');
  const values = Int32Array.from({ length: sizeOf(shape) }, (_, i) => Math.floor(uniformAt(key, i) * below));
  return { shape, dtype: 'int32', values };
}

export function booleans(...shape: number[]): CaseInput {
  const { values } = integers(2, ...shape);
  return { shape, dtype: 'bool', values: Uint8Array.from(values) };
}

export const ints = (values: number[], shape: number[] = [values.length]): CaseInput => ({
  shape,
  dtype: 'int32',
  values: Int32Array.from(values),
});

/** The additive mask of two packed rows, the first with two segments. */
export function packedMask(length: number, sees: 'before' | 'both directions' = 'before'): CaseInput {
  const segment = (row: number, i: number) => (row === 0 && i >= length / 2 ? 1 : 0);
  const values = Float32Array.from({ length: 2 * length * length }, (_, index) => {
    const [row, i, j] = [
      Math.floor(index / length ** 2),
      Math.floor(index / length) % length,
      index % length,
    ];
    return (j <= i || sees === 'both directions') && segment(row, i) === segment(row, j) ? 0 : -1e30;
  });
  return { shape: [2, length, length], dtype: 'float32', values };
}

export function angles(rows: number, half: number): [CaseInput, CaseInput] {
  const angle = Float32Array.from({ length: rows * half }, (_, i) => Math.floor(i / half) / 10 ** (i % half));
  const input = (turn: (x: number) => number): CaseInput => ({
    shape: [rows, half],
    dtype: 'float32',
    values: angle.map(turn),
  });
  return [input(Math.cos), input(Math.sin)];
}

/** Angles of positions far into a long context. */
export function manyAngles(): CaseInput {
  const values = Float32Array.from({ length: 64 }, (_, i) => (i - 20) * (i % 3 === 0 ? 501.7 : 0.37));
  return { shape: [64], dtype: 'float32', values };
}

/** What the loss head reads: two loss rows of four count; one chunk of two is enough. */
export const headInputs = (): CaseInput[] => [
  normal(4, 6),
  normal(11, 6),
  ints([3, 10, 0, 0]),
  { shape: [4], dtype: 'float32', values: Float32Array.of(0.5, 0.25, 0, 0) },
  ints([1], []),
];
