/** How the numbers of an adapter reach the step functions of generation. */
import { LowrankError } from '#base/errors.js';
import type { ProgramSpec } from '#jit/trace.js';
import type { AdapterNumbers } from '#generation/next-token-model.js';
import { adapterLayout, selectorLayout } from '#lora/adapter-layout.js';
import type { Selector } from '#lora/layer-run.js';
import type { TargetModule } from '#lora/target-module.js';
import { type FlatLayout, viewOf } from '#nn/flat-state.js';

/** Places of an adapter's numbers; they are handed to every run as they lie, without a copy. */
export class AdapterFeed {
  private readonly factors: FlatLayout;
  private readonly selectorSize: number;
  /** What makes an adapter of this layout the base model. */
  private readonly zeros: AdapterNumbers;

  constructor(modules: readonly TargetModule[], selector: Selector) {
    this.factors = adapterLayout(modules);
    this.selectorSize = selector === 'diagonal' ? selectorLayout(modules).size : 0;
    this.zeros = {
      parameters: new Float32Array(this.factors.size),
      selector: new Float32Array(this.selectorSize),
    };
  }

  /** What a step function reads besides its data. */
  get spec(): ProgramSpec['data'] {
    const { selectorSize, factors } = this;
    const inputs = factors.entries.map(
      ({ name, shape }) => [name, { shape, dtype: 'float32' as const }] as const,
    );
    return {
      ...Object.fromEntries(inputs),
      ...(selectorSize > 0 ? { selector: { shape: [selectorSize], dtype: 'float32' } } : {}),
    };
  }

  /** Throws `adapter_layout_mismatch` for numbers of another size. */
  inputs(adapter: AdapterNumbers = this.zeros): Record<string, Float32Array> {
    const { factors, selectorSize } = this;
    const { parameters, selector = new Float32Array(selectorSize).fill(1) } = adapter;
    for (const [what, given, expected] of [
      ['factors have', parameters.length, factors.size],
      ['selector has', selector.length, selectorSize],
    ] as const) {
      if (given === expected) continue;
      throw new LowrankError(
        'adapter_layout_mismatch',
        `the adapter's ${what} ${given} numbers, but the model was made for ${expected}`,
        { details: { given, expected } },
      );
    }
    const views = factors.entries.map((entry) => [entry.name, viewOf(parameters, entry)] as const);
    return { ...Object.fromEntries(views), selector };
  }
}
