import { createHash } from 'node:crypto';
import type { AdapterDigest } from '#adapters/adapter-digest.js';
import { CompositionError } from '#adapters/composition-members.js';
import type { CompositionBase } from '#adapters/composition-members.js';

/**
 * What becomes of the stack of the members' factors.
 *
 * stacked: left as it is, exact, as many ranks as the members have together. rank: the best approximation of at most
 * this rank in every layer. energy: the smallest rank in every layer that keeps this share of its squared norm.
 */
export type CompositionForm =
  | { readonly kind: 'stacked' }
  | { readonly kind: 'rank'; readonly rank: number }
  | { readonly kind: 'energy'; readonly energy: number };

/** Everything that a composition's files follow from: equal recipes give equal bytes. */
export interface CompositionRecipe {
  readonly format: 'lowrank-recipe-1';
  readonly base: CompositionBase;
  /** By digest. */
  readonly members: readonly { readonly digest: AdapterDigest; readonly weight: number }[];
  readonly form: CompositionForm;
  readonly target_modules: readonly string[];
}

/** SHA-256 of a recipe's canonical JSON: `sha256:` and 64 hexadecimal digits. */
export type RecipeId = `sha256:${string}`;

/** The name of a composition. */
export function recipeId(recipe: CompositionRecipe): RecipeId {
  return `sha256:${createHash('sha256').update(canonicalJson(recipe)).digest('hex')}`;
}

/** JSON without spaces, keys sorted, numbers as JavaScript prints them: RFC 8785 for values without odd texts. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) =>
    typeof part === 'object' && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
}

/** Throws CompositionError `rank_invalid`, `rank_above_stack` and `energy_invalid`. */
export function checkForm(form: CompositionForm, stackRank: number): void {
  if (form.kind === 'rank') {
    if (!Number.isInteger(form.rank) || form.rank < 1) {
      throw new CompositionError(
        'rank_invalid',
        `rank ${form.rank}: give a whole number from 1 to ${stackRank}`,
        { details: { rank: form.rank, stackRank } },
      );
    }
    if (form.rank > stackRank) {
      throw new CompositionError(
        'rank_above_stack',
        `rank ${form.rank} is above the ${stackRank} that the members have together: leave the rank out, ` +
          'which is exact, or give a smaller one',
        { details: { rank: form.rank, stackRank } },
      );
    }
  }
  if (form.kind === 'energy' && !(form.energy > 0 && form.energy <= 1)) {
    throw new CompositionError(
      'energy_invalid',
      `energy ${form.energy} is out of range: give a number above 0 and at most 1, such as 0.95`,
      { details: { energy: form.energy } },
    );
  }
}
