/**
 * What a kernel is to the tracer (inputs by name, a shape rule), and how the project adds kernels of its own.
 */
import { tensorflow, whenOpened } from '#jit/door.js';
import type { Attributes, TensorSpec } from '#jit/graph.js';
import { engine, type Tensor, type TensorInfo, tidy } from '#jit/ops.js';

/** A kernel as the tracer sees it. Inputs are ordered; 'list' stands for any number of unnamed ones. */
export interface KernelRule {
  readonly inputs: readonly string[] | 'list';
  infer(inputs: readonly TensorSpec[], attributes: Attributes): readonly TensorSpec[];
}

/** A kernel of this project: shape rule, eager form in TensorFlow.js operations, and a gradient if it has one. */
export interface OwnKernel<A extends Attributes> extends KernelRule {
  readonly name: string;
  infer(inputs: readonly TensorSpec[], attributes: A): readonly TensorSpec[];
  eager(inputs: readonly Tensor[], attributes: A): Tensor[];
  readonly gradient?: KernelGradient<A>;
}

export interface KernelGradient<A extends Attributes> {
  /** Names of the inputs, and flags of the outputs, that the backward pass needs. */
  readonly saveInputs?: readonly string[];
  readonly saveOutputs?: readonly boolean[];
  /** From the gradients of the outputs to those of the inputs that can have one, by name. */
  backward(
    dy: readonly Tensor[],
    saved: readonly Tensor[],
    attributes: A,
  ): Readonly<Record<string, () => Tensor>>;
}

/** Introduces a kernel of this project to TensorFlow.js's gradient tape and returns it. */
export function defineKernel<A extends Attributes>(kernel: OwnKernel<A>): OwnKernel<A> {
  const { gradient } = kernel;
  if (gradient) {
    whenOpened((tf) =>
      tf.registerGradient({
        kernelName: kernel.name,
        inputsToSave: [...(gradient.saveInputs ?? [])],
        outputsToSave: [...(gradient.saveOutputs ?? [])],
        gradFunc: (dy, saved, attributes) =>
          gradient.backward(Array.isArray(dy) ? dy : [dy], saved, attributes as unknown as A),
      }),
    );
  }
  return kernel;
}

/** Calls a kernel of this project on whichever backend is set, or records it while tracing. */
export function callKernel<A extends Attributes>(
  kernel: OwnKernel<A>,
  inputs: readonly Tensor[],
  attributes: A,
): Tensor[] {
  const { backendName } = engine();
  if (backendName && !tensorflow().getKernel(kernel.name, backendName)) registerEager(kernel, backendName);
  const named = Object.fromEntries(inputs.map((input, i) => [inputName(kernel, i), input]));
  const result: Tensor | Tensor[] = engine().runKernel(kernel.name, named, attributes);
  return Array.isArray(result) ? result : [result];
}

function inputName(kernel: KernelRule, index: number): string {
  return kernel.inputs === 'list' ? String(index) : (kernel.inputs[index] ?? String(index));
}

function registerEager<A extends Attributes>(kernel: OwnKernel<A>, backendName: string): void {
  tensorflow().registerKernel({
    kernelName: kernel.name,
    backendName,
    kernelFunc: ({ inputs, attrs }): TensorInfo | TensorInfo[] => {
      const ordered = Object.keys(inputs).map((_, i) => inputs[inputName(kernel, i)] as Tensor);
      const outputs = tidy(() => kernel.eager(ordered, attrs as unknown as A));
      return outputs.length === 1 ? (outputs[0] as Tensor) : outputs;
    },
  });
}
