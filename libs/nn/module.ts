/**
 * The tree of layers that a model is. A module's path is its name in the model's own files, so weights, LoRA targets
 * and adapter keys are found by path alone.
 */
import { LowrankError } from '#base/errors.js';
import { sizeOf } from '#base/shapes.js';
import type { Tensor } from '#jit/ops.js';

/** A weight of a module: its full name in the model's files, its shape, and its tensor while a step runs. */
export class Parameter {
  private bound: Tensor | undefined;
  private stand: { readonly copy: Parameter; readonly isOn: () => boolean } | undefined;

  constructor(
    readonly name: string,
    readonly shape: readonly number[],
  ) {}

  bind(tensor: Tensor): void {
    this.bound = tensor;
  }

  /** Lets a copy stand for this weight while `isOn` says so. */
  replace(copy: Parameter, isOn: () => boolean): void {
    this.stand = { copy, isOn };
  }

  /** Whether a copy stands for it now. */
  get isReplaced(): boolean {
    return this.stand?.isOn() ?? false;
  }

  get tensor(): Tensor {
    return this.isReplaced ? this.stand!.copy.tensor : this.ownTensor;
  }

  /** What was bound to the weight itself, whatever stands for it. */
  get ownTensor(): Tensor {
    if (!this.bound) {
      throw new LowrankError('parameter_unbound', `the weight ${this.name} has no tensor bound to it`);
    }
    return this.bound;
  }
}

/** A weight that is another module's, under the name that it would have here. */
class SharedParameter extends Parameter {
  constructor(
    name: string,
    private readonly source: Parameter,
  ) {
    super(name, source.shape);
  }

  override get ownTensor(): Tensor {
    return this.source.ownTensor;
  }
}

/** A replaceable place in the tree. */
export interface Slot<M> {
  module: M;
}

export abstract class Module {
  private readonly slots = new Map<string, Slot<Module>>();
  private readonly own: Parameter[] = [];
  private readonly borrowed: Parameter[] = [];
  /** What messages call it. */
  readonly kind: string = 'no layer with a weight of its own';

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
    this.own.push(parameter);
    return parameter;
  }

  /** The weight of another module, which both read; a copy may stand for it here and not there. */
  protected shared(name: string, source: Parameter): Parameter {
    const parameter = new SharedParameter(this.join(name), source);
    this.borrowed.push(parameter);
    return parameter;
  }

  /** Weights that this module itself reads, shared ones among them. */
  get weights(): readonly Parameter[] {
    return [...this.own, ...this.borrowed];
  }

  /** Gives one of its weights a copy, a weight of its own, that stands for it while `isOn` says so. */
  copyWeight(name: string, copyName: string, isOn: () => boolean): void {
    const original = this.weights.find((weight) => weight.name === name);
    if (!original) throw new LowrankError('module_not_found', `there is no weight ${name} in ${this.path}`);
    const copy = new Parameter(copyName, original.shape);
    this.own.push(copy);
    original.replace(copy, isOn);
  }

  /** This module and all below it, parents first. */
  *modules(): Generator<Module> {
    yield this;
    for (const { module } of this.slots.values()) yield* module.modules();
  }

  /** Weights of this module itself. */
  get ownParameters(): readonly Parameter[] {
    return this.own;
  }

  /** Weights of this module and of all below it. */
  *parameters(): Generator<Parameter> {
    for (const module of this.modules()) yield* module.own;
  }

  /** How many numbers the weights hold; one that several modules use counts once. */
  get parameterCount(): number {
    return [...this.parameters()].reduce((sum, { shape }) => sum + sizeOf(shape), 0);
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

/** Modules by number, as PyTorch's ModuleList has them. */
export class ModuleList<M extends Module> extends Module {
  private readonly places: readonly Slot<M>[];

  constructor(path: string, count: number, make: (path: string, index: number) => M) {
    super(path);
    this.places = Array.from({ length: count }, (_, i) => this.child(String(i), (path) => make(path, i)));
  }

  /** The modules in their order. */
  get items(): readonly M[] {
    return this.places.map(({ module }) => module);
  }
}

/** A module that computes without weights; it has a place in the tree because patterns over paths can name it. */
export class Unweighted extends Module {}

/** A layer that maps rows [rows, in] to rows [rows, out]. */
export abstract class RowMap extends Module {
  abstract readonly inFeatures: number;
  abstract readonly outFeatures: number;
  abstract readonly weight: Parameter;
  abstract readonly bias: Parameter | undefined;
  /** Whether the weight is stored as [in, out] and not as [out, in]. */
  readonly isTransposed: boolean = false;
  abstract forward(x: Tensor): Tensor;
}
