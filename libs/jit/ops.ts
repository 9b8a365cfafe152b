/** The operations of TensorFlow.js under their own names; calling one loads it. */
import { type GradSaveFunc, operation, tensorflow, type Tensor } from '#jit/door.js';

export type { Tensor, TensorInfo } from '#jit/door.js';

export const abs = operation('abs');
export const add = operation('add');
export const argMax = operation('argMax');
export const cast = operation('cast');
export const concat = operation('concat');
export const cos = operation('cos');
export const div = operation('div');
export const equal = operation('equal');
export const erf = operation('erf');
export const exp = operation('exp');
export const expandDims = operation('expandDims');
export const fill = operation('fill');
export const floor = operation('floor');
export const gather = operation('gather');
export const greater = operation('greater');
export const greaterEqual = operation('greaterEqual');
export const keep = operation('keep');
export const less = operation('less');
export const lessEqual = operation('lessEqual');
export const log = operation('log');
export const logicalAnd = operation('logicalAnd');
export const logicalNot = operation('logicalNot');
export const matMul = operation('matMul');
export const max = operation('max');
export const maximum = operation('maximum');
export const mean = operation('mean');
export const min = operation('min');
export const minimum = operation('minimum');
export const mul = operation('mul');
export const neg = operation('neg');
export const notEqual = operation('notEqual');
export const oneHot = operation('oneHot');
export const ones = operation('ones');
export const onesLike = operation('onesLike');
export const pad = operation('pad');
export const reciprocal = operation('reciprocal');
export const relu = operation('relu');
export const reshape = operation('reshape');
export const rsqrt = operation('rsqrt');
export const scalar = operation('scalar');
export const sigmoid = operation('sigmoid');
export const sin = operation('sin');
export const slice = operation('slice');
export const softmax = operation('softmax');
export const split = operation('split');
export const sqrt = operation('sqrt');
export const square = operation('square');
export const stack = operation('stack');
export const stridedSlice = operation('stridedSlice');
export const sub = operation('sub');
export const sum = operation('sum');
export const tanh = operation('tanh');
export const tensor = operation('tensor');
export const tidy = operation('tidy');
export const tile = operation('tile');
export const transpose = operation('transpose');
export const where = operation('where');
export const zeros = operation('zeros');
export const zerosLike = operation('zerosLike');

export const engine = operation('engine');

/** Name of the TensorFlow.js backend that is set now, or undefined when none is. */
export function currentBackend(): string | undefined {
  return engine().backendName || undefined;
}

/** Sets a registered backend whose factory is synchronous. */
export function setBackendNow(name: string): void {
  // setBackend is asynchronous only in its signature: with a synchronous factory it has acted when it returns.
  void tensorflow().setBackend(name);
  if (engine().backendName !== name) {
    throw new Error(`TensorFlow.js backend ${name} did not start at once`);
  }
}

/** A result through which no gradient flows; nothing that is done for it is taped. */
export function detached(compute: () => Tensor): Tensor {
  return withGradient(scalar(0), () => ({
    value: compute(),
    saved: [],
    gradient: () => scalar(0),
  }));
}

/** What an operation of many tensors with its own gradient gives: its value, what the backward pass needs, gradients. */
export interface DifferentiableOfMany {
  readonly value: Tensor;
  /** Tensors that the gradients need; others may be gone when they are asked for. */
  readonly saved: readonly Tensor[];
  /** One for each input. */
  readonly gradients: (dy: Tensor, saved: readonly Tensor[]) => readonly Tensor[];
}

/** Computes a function of tensors under gradients of its own; whatever it does inside is not taped. */
export function withGradients(
  inputs: readonly Tensor[],
  compute: (inputs: readonly Tensor[]) => DifferentiableOfMany,
): Tensor {
  const run = tensorflow().customGrad((...parameters) => {
    const save = parameters.pop() as GradSaveFunc;
    const { value, saved, gradients } = compute(parameters as Tensor[]);
    save([...saved]);
    return { value, gradFunc: (dy: Tensor, saved: Tensor[]) => [...gradients(dy, saved)] };
  });
  return run(...inputs);
}

/** What an operation of one tensor with its own gradient gives. */
export interface Differentiable extends Omit<DifferentiableOfMany, 'gradients'> {
  readonly gradient: (dy: Tensor, saved: readonly Tensor[]) => Tensor;
}

/** The same for a function of one tensor. */
export function withGradient(x: Tensor, compute: (x: Tensor) => Differentiable): Tensor {
  return withGradients([x], ([x]) => {
    const { gradient, ...rest } = compute(x!);
    return { ...rest, gradients: (dy, saved) => [gradient(dy, saved)] };
  });
}
