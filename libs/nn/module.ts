/**
 * The tree of layers that a model is. A module's path is its name in the model's own files, so weights, LoRA targets
 * and adapter keys are found by path alone.
 */
import { LowrankError } from '#base/errors.js';
import type { Tensor } from '#jit/ops.js';

/** A weight of a module: its full name in the model's files, its shape, and its tensor while a step runs. */
export class Parameter {
  private bound: Tensor | undefined;

  constructor(
    readonly name: string,
    readonly shape: readonly number[],
  ) {}

  bind(tensor: Tensor): void {
    this.bound = tensor;
  }

  get tensor(): Tensor {
    if (!this.bound) {
      throw new LowrankError('parameter_unbound', `the weight ${this.name} has no tensor bound to it`);
    }
    return this.bound;
  }
}

/** A replaceable place in the tree. */
export interface Slot<M> {
  module: M;
}

export abstract class Module {
  private readonly slots = new Map<string, Slot<Module>>();
  private readonly ownParameters: Parameter[] = [];

  constructor(readonly path: string) {}

  /** Path of a direct child, or name of a direct parameter. */
  protected join(name: string): string {
    return this.path ? `${this.path}.${name}` : name;
  }

  protected child<M extends Module>(name: string, make: (path: string) => M): Slot<M> {
    const slot: Slot<M> = { module: make(this.join(name)) };
    this.slots.set(name, slot);
    return slot;
  }

  protected parameter(name: string, shape: readonly number[]): Parameter {
    const parameter = new Parameter(this.join(name), shape);
    this.ownParameters.push(parameter);
    return parameter;
  }

  /** This module and all below it, parents first. */
  *modules(): Generator<Module> {
    yield this;
    for (const { module } of this.slots.values()) yield* module.modules();
  }

  /** Weights of this module and of all below it. */
  *parameters(): Generator<Parameter> {
    for (const module of this.modules()) yield* module.ownParameters;
  }

  /** The place of the module at a path below this one. Throws `module_not_found`. */
  slotOf(path: string): Slot<Module> {
    for (const module of this.modules()) {
      for (const slot of module.slots.values()) if (slot.module.path === path) return slot;
    }
    throw new LowrankError('module_not_found', `there is no module ${path} below ${this.path || 'the root'}`);
  }

  /** Gives every weight its tensor. */
  bindParameters(tensorOf: (parameter: Parameter) => Tensor): void {
    for (const parameter of this.parameters()) parameter.bind(tensorOf(parameter));
  }
}

/** A layer that maps rows [rows, in] to rows [rows, out]. */
export abstract class RowMap extends Module {
  abstract readonly inFeatures: number;
  abstract readonly outFeatures: number;
  abstract forward(x: Tensor): Tensor;
}
