/**
 * The one door to TensorFlow.js. It opens when the first operation is called: whoever only looks at the layers of a model,
 * at their names and shapes, never loads it. Nothing else in the project imports @tensorflow/tfjs-core.
 */
import { createRequire } from 'node:module';
import type * as tfjs from '@tensorflow/tfjs-core';

/** All that TensorFlow.js exports. */
export type TensorFlow = typeof tfjs;
export type Tensor = tfjs.Tensor;
export type TensorInfo = tfjs.TensorInfo;
export type NamedAttributes = tfjs.NamedAttrMap;
export type KernelBackend = tfjs.KernelBackend;
export type GradSaveFunc = tfjs.GradSaveFunc;

let opened: TensorFlow | undefined;
let waiting: ((tf: TensorFlow) => void)[] = [];

/** TensorFlow.js, loaded at the first call. */
export function tensorflow(): TensorFlow {
  if (opened) return opened;
  opened = createRequire(import.meta.url)('@tensorflow/tfjs-core') as TensorFlow;
  const hooks = waiting;
  waiting = [];
  for (const hook of hooks) hook(opened);
  return opened;
}

/** Calls back as soon as TensorFlow.js is loaded: at once if it is. */
export function whenOpened(hook: (tf: TensorFlow) => void): void {
  if (opened) hook(opened);
  else waiting.push(hook);
}

/** Names of TensorFlow.js' functions. */
export type OperationName = {
  [K in keyof TensorFlow]: TensorFlow[K] extends (...parameters: never[]) => unknown ? K : never;
}[keyof TensorFlow];

/** A function of TensorFlow.js that opens the door when it is called. */
export function operation<K extends OperationName>(name: K): TensorFlow[K] {
  const call = (...parameters: unknown[]): unknown =>
    (tensorflow()[name] as (...parameters: unknown[]) => unknown)(...parameters);
  return call as unknown as TensorFlow[K];
}
