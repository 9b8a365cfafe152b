/** The stacked form of a composition in memory, whose weights can differ from answer to answer. */
import type { AdapterModule } from '#adapters/adapter.js';
import { stackedFactors } from '#adapters/composed-factors.js';
import {
  checkWeights,
  CompositionError,
  isAdditive,
  requireAdditive,
  type CompositionMember,
  type Stack,
  stackMembers,
  sumWeights,
} from '#adapters/composition-members.js';
import { type FlatAdapter, flattenModules } from '#adapters/flat-factors.js';
import { columnFactors, readParts } from '#adapters/stack-measure.js';
import { selectorLayout } from '#lora/adapter-layout.js';
import type { TargetModule } from '#lora/target-module.js';
import { targetModule } from '#lora/variants/registry.js';
import { viewOf } from '#nn/flat-state.js';

/**
 * Members side by side: delta = Bs diag(s) As with Bs = [B_1 .. B_n] and As = [A_1; ..; A_n], which never change, and
 * s = w_i scale_i in the rows of member i.
 *
 * Other weights are another s: a few numbers for each layer, whatever the size of the factors.
 */
export class LiveComposition {
  private constructor(
    readonly modules: readonly TargetModule[],
    /** Flat vector of As and Bs. */
    readonly factors: Float32Array,
    /** Of the members as they were listed. */
    readonly weights: readonly number[],
    private readonly stack: Stack,
    private readonly names: readonly string[],
    /** The only member, where its update cannot be weighed. */
    private readonly single: FlatAdapter | undefined,
  ) {}

  /** Reads the members into memory. Throws what `stackMembers` and reading them throw. */
  static async open(listed: readonly CompositionMember[], signal?: AbortSignal): Promise<LiveComposition> {
    const stack = await stackMembers(listed, signal);
    const names = listed.map(({ adapter }) => adapter.name);
    const weights = listed.map(({ weight }) => weight);
    const [only] = stack.members;
    if (stack.members.length === 1 && !isAdditive(only!.adapter)) {
      const { modules, readNumbers } = only!.adapter;
      const read: AdapterModule[] = [];
      for (const module of modules.values()) {
        signal?.throwIfAborted();
        read.push({ ...module, numbers: await readNumbers(module.path) });
      }
      const single = { modules: read, parameters: flattenModules(read) };
      return new LiveComposition(read, single.parameters, weights, stack, names, single);
    }
    requireAdditive(stack);
    const modules = stack.modules.map(({ path, rank, layer }) =>
      targetModule(path, layer, { r: rank, loraAlpha: rank, scale: 1 }),
    );
    const factors: AdapterModule[] = [];
    for (const [i, module] of stack.modules.entries()) {
      signal?.throwIfAborted();
      const ones = new Float64Array(module.rank).fill(1);
      const numbers = { ...stackedFactors(module, await readParts(stack, module), ones) };
      factors.push({ ...modules[i]!, numbers });
    }
    return new LiveComposition(modules, flattenModules(factors), weights, stack, names, undefined);
  }

  /**
   * The composition under other weights, one for each member as they were listed; the factors are shared, not copied.
   * All may be 0, which is the base model. Throws CompositionError `weights_miscounted`, `weight_not_finite` and, for an
   * adapter that cannot be weighed, `members_not_additive`.
   */
  withWeights(listed: readonly number[] = this.weights): FlatAdapter {
    checkWeights(listed, this.names);
    const weights = sumWeights(this.stack.places, listed);
    if (this.single) {
      if (weights[0] === 1) return this.single;
      throw new CompositionError(
        'members_not_additive',
        `${this.names[0]} has an update that cannot be weighed: answer with the weight 1, or without the adapter`,
      );
    }
    const { entries, size } = selectorLayout(this.modules);
    const selector = new Float32Array(size);
    for (const [i, module] of this.stack.modules.entries()) {
      viewOf(selector, entries[i]!).set(columnFactors(module, weights));
    }
    return { modules: this.modules, parameters: this.factors, selector };
  }
}
