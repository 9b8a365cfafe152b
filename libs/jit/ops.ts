/**
 * The one door to TensorFlow.js: its operations under their own names, its tensors, its gradients. Nothing else in
 * the project imports @tensorflow/tfjs-core.
 */
import * as tf from '@tensorflow/tfjs-core';

export type Tensor = tf.Tensor;
export type TensorInfo = tf.TensorInfo;
export type NamedAttributes = tf.NamedAttrMap;

export const {
  abs,
  add,
  argMax,
  cast,
  concat,
  cos,
  div,
  equal,
  exp,
  expandDims,
  fill,
  gather,
  greater,
  greaterEqual,
  keep,
  less,
  lessEqual,
  log,
  logicalAnd,
  logicalNot,
  matMul,
  max,
  maximum,
  mean,
  min,
  minimum,
  mul,
  neg,
  notEqual,
  oneHot,
  ones,
  onesLike,
  pad,
  reciprocal,
  reshape,
  rsqrt,
  scalar,
  sigmoid,
  sin,
  slice,
  softmax,
  split,
  sqrt,
  square,
  stack,
  stridedSlice,
  sub,
  sum,
  tanh,
  tensor,
  tidy,
  tile,
  transpose,
  valueAndGrads,
  where,
  zeros,
  zerosLike,
} = tf;

export const {
  KernelBackend,
  engine,
  getGradient,
  getKernel,
  registerBackend,
  registerGradient,
  registerKernel,
} = tf;

/** All of it, for a package that asks for TensorFlow.js and must get this very copy. */
export { tf as tensorflow };

/** Name of the TensorFlow.js backend that is set now, or undefined when none is. */
export function currentBackend(): string | undefined {
  return tf.engine().backendName || undefined;
}

/** Sets a registered backend whose factory is synchronous. */
export function setBackendNow(name: string): void {
  // setBackend is asynchronous only in its signature: with a synchronous factory it has acted when it returns.
  void tf.setBackend(name);
  if (tf.engine().backendName !== name) {
    throw new Error(`TensorFlow.js backend ${name} did not start at once`);
  }
}

/** What an operation with its own gradient gives: its value, what the backward pass needs, the gradient of x. */
export interface Differentiable {
  readonly value: Tensor;
  /** Tensors that the gradient needs; others may be gone when it is asked for. */
  readonly saved: readonly Tensor[];
  readonly gradient: (dy: Tensor, saved: readonly Tensor[]) => Tensor;
}

/** Computes a function of x under a gradient of its own; whatever it does inside is not taped. */
export function withGradient(x: Tensor, compute: (x: Tensor) => Differentiable): Tensor {
  const run = tf.customGrad((input, save) => {
    const { value, saved, gradient } = compute(input as Tensor);
    (save as tf.GradSaveFunc)([...saved]);
    return { value, gradFunc: (dy: Tensor, saved: Tensor[]) => gradient(dy, saved) };
  });
  return run(x);
}
