/** Scales and selectors of injected layers: what a run reads beside its data, so that they change without compiling. */
import { LowrankError } from '#base/errors.js';
import type { TensorSpec } from '#jit/graph.js';
import { LoraInjectedConv2d } from '#lora/lora-injected-conv2d.js';
import { LoraInjectedLinear } from '#lora/lora-injected-linear.js';
import type { Module } from '#nn/module.js';

type InjectedLayer = LoraInjectedLinear | LoraInjectedConv2d;

const isInjected = (module: Module): module is InjectedLayer =>
  module instanceof LoraInjectedLinear || module instanceof LoraInjectedConv2d;

export class InjectedControls {
  private readonly layers: ReadonlyMap<string, InjectedLayer>;
  private readonly scales: Record<string, number> = {};
  private readonly selectors: Record<string, Float32Array> = {};

  /** Finds the injected layers of a tree; every scale starts as 1, every selector as the identity. */
  constructor(root: Module) {
    const found = [...root.modules()].filter(isInjected);
    this.layers = new Map(found.map((layer) => [layer.path, layer]));
    for (const { part } of found) {
      this.scales[part.scaleInput!.name] = 1;
      if (part.selector) this.selectors[part.selector.name] = new Float32Array(part.r).fill(1);
    }
  }

  /** What a step function has to declare, by the names of the layers' parameters. */
  get spec(): { readonly scalars: readonly string[]; readonly data: Readonly<Record<string, TensorSpec>> } {
    const data = Object.entries(this.selectors).map(([name, { length }]) => {
      const spec: TensorSpec = { shape: [length], dtype: 'float32' };
      return [name, spec] as const;
    });
    return { scalars: Object.keys(this.scales), data: Object.fromEntries(data) };
  }

  /** What the next run reads. */
  get inputs(): {
    readonly scalars: Readonly<Record<string, number>>;
    readonly data: Readonly<Record<string, Float32Array>>;
  } {
    return { scalars: { ...this.scales }, data: { ...this.selectors } };
  }

  /** Sets the scale of one layer, or of all. Throws `module_not_found`. */
  setScale(scale: number, path?: string): void {
    const layers = path === undefined ? [...this.layers.values()] : [this.layerAt(path)];
    for (const { part } of layers) this.scales[part.scaleInput!.name] = scale;
  }

  /**
   * Sets the diagonal of a layer's selector; none is the identity.
   *
   * Throws `module_not_found`, `selector_fixed` for a layer that was made without one, `selector_size`.
   */
  setSelector(path: string, diagonal?: Float32Array): void {
    const { selector, r } = this.layerAt(path).part;
    if (!selector) {
      throw new LowrankError(
        'selector_fixed',
        `the selector of ${path} is fixed to the identity: make the layer with selector: 'diagonal'`,
      );
    }
    const numbers = diagonal ?? new Float32Array(r).fill(1);
    if (numbers.length !== r) {
      throw new LowrankError(
        'selector_size',
        `the selector of ${path} has ${r} numbers, not ${numbers.length}`,
      );
    }
    this.selectors[selector.name] = numbers.slice();
  }

  private layerAt(path: string): InjectedLayer {
    const layer = this.layers.get(path);
    if (layer) return layer;
    throw new LowrankError('module_not_found', `there is no injected layer at ${path}`);
  }
}
