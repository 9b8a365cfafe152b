/**
 * The parts of TensorFlow.js that this room uses, by shape: the caller hands in the copy that made the model, so that
 * any build of it, on any backend, will do. Nothing here imports TensorFlow.js.
 */

export interface TfTensor {
  readonly shape: number[];
  data(): Promise<ArrayLike<number>>;
  dispose(): void;
}

export interface TfVariable extends TfTensor {
  readonly name: string;
}

export interface TfOptimizer {
  minimize(loss: () => TfTensor, returnCost?: boolean, variables?: TfVariable[]): TfTensor | null;
  dispose(): void;
}

interface Losses {
  /** A loss of each example, or their mean. As a method, so that functions of any build's own tensors count as one. */
  of(expected: TfTensor, predicted: TfTensor): TfTensor;
}
export type LossFunction = Losses['of'];

/** Losses of `tf.metrics` that can be asked for by name. */
export const lossNames = [
  'binaryCrossentropy',
  'categoricalCrossentropy',
  'meanAbsoluteError',
  'meanSquaredError',
] as const;
export type LossName = (typeof lossNames)[number];

/** What operations take beside tensors: numbers, and arrays of them. */
type Operand = TfTensor | number | boolean | string | { readonly [index: number]: unknown };

/** What `import * as tf from '@tensorflow/tfjs'` gives. */
export interface TensorFlow {
  add(a: Operand, b: Operand): TfTensor;
  conv2d(x: Operand, filter: Operand, strides: [number, number], pad: 'same' | 'valid'): TfTensor;
  dropout(x: Operand, rate: number, noiseShape?: number[], seed?: number): TfTensor;
  gather(x: Operand, indices: Operand): TfTensor;
  matMul(a: Operand, b: Operand): TfTensor;
  mean(x: Operand): TfTensor;
  mul(a: Operand, b: Operand): TfTensor;
  reshape(x: Operand, shape: number[]): TfTensor;
  tensor(values: Float32Array | Int32Array, shape: number[], dtype: 'float32' | 'int32'): TfTensor;
  /** See {@link tidy}: no type of ours describes what it may return. */
  readonly tidy: (run: never) => unknown;
  transpose(x: Operand, perm: number[]): TfTensor;
  variable(initial: TfTensor, trainable?: boolean, name?: string): TfVariable;
  readonly metrics: Readonly<Record<LossName, LossFunction>>;
  readonly train: { adam(learningRate: number): TfOptimizer };
}

/** What an activation of a layer is. */
export interface TfActivation {
  apply(x: TfTensor): TfTensor;
  getClassName(): string;
}

export type TfInputs = TfTensor | TfTensor[];

/** A layer of a LayersModel. */
export interface TfLayer {
  readonly name: string;
  call(inputs: TfInputs, options: Readonly<Record<string, unknown>>): TfInputs;
  getClassName(): string;
  getConfig(): Readonly<Record<string, unknown>>;
  getWeights(): TfTensor[];
  setWeights(weights: TfTensor[]): void;
}

/** A `tf.LayersModel`. */
export interface TfLayersModel {
  readonly layers: readonly TfLayer[];
  apply(inputs: object, options?: Readonly<Record<string, unknown>>): unknown;
}

/** Runs a function and disposes of the tensors that it made, but for the one that it returns. */
export function tidy<T>(tf: TensorFlow, run: () => T): T {
  return (tf.tidy as (run: () => T) => T)(run);
}
