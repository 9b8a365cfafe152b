/** What adapters make of the weights of one layer of their base model. */
import { AdapterError } from '#adapters/adapter.js';
import { adaptedNorms, type BaseModel, baseWeight } from '#adapters/base-layers.js';
import { addDeltaRows, type DeltaTerm, type ScaledTerm, transposedTerm } from '#lora/merge-delta.js';
import { sizeOf } from '#base/shapes.js';
import type { ModuleNumbers, TargetModule } from '#lora/target-module.js';
import { factorsOf, variantAt } from '#lora/variants/registry.js';
import type { RowEdit } from '#models/convert-tensor.js';

/** One adapter's update of a layer. */
export interface LayerUpdate {
  /** What messages call the adapter. */
  readonly adapter: string;
  readonly target: TargetModule;
  readonly weight: number;
  readonly readNumbers: () => Promise<ModuleNumbers>;
}

/** Makes the edit of a weight, when it is written. */
export type LazyEdit = () => Promise<RowEdit | undefined>;

/**
 * The edits that turn the base's weights at a layer into W0 + sum_i weight_i (W_i - W0), where W_i is what adapter i
 * computes with; by the names of the parameters. An update whose weight is 0 is left out, so that the base's bits stay.
 *
 * Throws AdapterError `adapter_not_mergeable` where a weight has no place for an update.
 */
export function mergedLayer(base: BaseModel, updates: readonly LayerUpdate[]): Map<string, LazyEdit> {
  const counted = updates.filter(({ weight }) => weight !== 0);
  const edits = new Map<string, LazyEdit>();
  const { path } = updates[0]!.target;
  for (const { adapter, target } of counted) requirePlace(base, adapter, target);
  if (updates.some(({ target }) => target.r > 0)) {
    edits.set(`${path}.weight`, () => weightEdit(base, counted));
  }
  const replaced = counted.flatMap(({ target }) => target.tensors.flatMap(({ replaces }) => replaces ?? []));
  for (const name of new Set(replaced)) edits.set(name, () => copyEdit(name, counted));
  if (counted.some(({ target }) => variantAt(target).biasChange)) {
    const before = edits.get(`${path}.bias`);
    edits.set(`${path}.bias`, async () => inTurn(await before?.(), await biasEdit(counted)));
  }
  return edits;
}

function requirePlace({ parameters }: BaseModel, adapter: string, target: TargetModule): void {
  const { path, groups = 1 } = target;
  const refuse = (problem: string) => {
    throw new AdapterError('adapter_not_mergeable', adapter, `cannot be merged: ${problem}`, {
      details: { module: path },
    });
  };
  if (groups > 1) {
    refuse(
      `the update of the convolution at ${path} mixes its ${groups} groups, and its weight has no place for that; ` +
        'use the adapter beside the base model',
    );
  }
  if (variantAt(target).biasChange && !parameters.has(`${path}.bias`)) {
    refuse(
      `it has a bias for ${path} (lora_bias), and the base model has none there; use the adapter beside the base model`,
    );
  }
}

async function weightEdit(base: BaseModel, all: readonly LayerUpdate[]): Promise<RowEdit | undefined> {
  const updates = all.filter(({ target }) => target.r > 0);
  if (updates.length === 0) return undefined;
  const { parameter, isTransposed } = baseWeight(base, updates[0]!.target);
  const terms: (DeltaTerm | ScaledTerm)[] = [];
  for (const { target, weight, readNumbers } of updates) {
    const numbers = await readNumbers();
    const { r, scale } = target;
    const oriented = (term: DeltaTerm) => (isTransposed ? transposedTerm(term) : term);
    const factors = factorsOf(target, numbers);
    const { outputFactors } = variantAt(target);
    if (!outputFactors) {
      terms.push(oriented({ ...factors, r, scale: weight * scale }));
      continue;
    }
    terms.push({
      ...oriented({ ...factors, r, scale }),
      factors: outputFactors(numbers, await adaptedNorms(base, target, factors)),
      isByColumn: isTransposed,
      weight,
    });
  }
  const columns = sizeOf(parameter.shape.slice(1));
  return (rows, firstRow) => addDeltaRows(rows, firstRow, terms, columns);
}

const inTurn =
  (first: RowEdit | undefined, second: RowEdit): RowEdit =>
  (rows, firstRow) => {
    first?.(rows, firstRow);
    second(rows, firstRow);
  };

/** Adds weight * (copy - W0) for every copy of a weight that was trained. */
async function copyEdit(name: string, updates: readonly LayerUpdate[]): Promise<RowEdit> {
  const copies: { weight: number; values: Float32Array; columns: number }[] = [];
  for (const { target, weight, readNumbers } of updates) {
    const tensor = target.tensors.find(({ replaces }) => replaces === name);
    if (!tensor) continue;
    const values = (await readNumbers())[tensor.role]!;
    copies.push({ weight, values, columns: sizeOf(tensor.shape.slice(1)) });
  }
  return (rows, firstRow) => {
    for (const [i, value] of rows.entries()) {
      let sum = value;
      for (const { weight, values, columns } of copies) {
        sum += weight * (values[firstRow * columns + i]! - value);
      }
      rows[i] = sum;
    }
  };
}

async function biasEdit(updates: readonly LayerUpdate[]): Promise<RowEdit> {
  const changes: { weight: number; change: Float64Array }[] = [];
  for (const { target, weight, readNumbers } of updates) {
    const change = variantAt(target).biasChange?.(await readNumbers(), target.scale);
    if (change) changes.push({ weight, change });
  }
  return (rows, firstRow) => {
    for (let i = 0; i < rows.length; i++) {
      const added = changes.reduce((sum, { weight, change }) => sum + weight * change[firstRow + i]!, 0);
      rows[i] = rows[i]! + added;
    }
  };
}
