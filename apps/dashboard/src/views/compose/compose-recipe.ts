/** What is being composed, as the address of the view says it: `?adapter-A=0.7&adapter-B=-0.3&rank=8`. */
import type { CompositionCreate } from '#contracts/http/compositions.js';

export interface Member {
  /** Of an adapter or a checkpoint. */
  readonly id: string;
  /** The job of a checkpoint; null for adapters. */
  readonly job: string | null;
  /** Of either sign. */
  readonly weight: number;
}

export type Form =
  | { readonly kind: 'exact' }
  | { readonly kind: 'rank'; readonly rank: number }
  | { readonly kind: 'energy'; readonly energy: number };

export interface Recipe {
  readonly members: readonly Member[];
  readonly form: Form;
}

export const maxMembers = 16;
const memberName = /^(?:(ftjob-[A-Za-z0-9]+)\.)?((?:adapter-|ftckpt_)[A-Za-z0-9]+)$/;

/** Reads the query of an address; what it does not understand is left out. */
export function parseRecipe(query: string): Recipe {
  const members: Member[] = [];
  let form: Form = { kind: 'exact' };
  for (const [name, value] of new URLSearchParams(query)) {
    const number = value.trim() === '' ? Number.NaN : Number(value);
    const [, job = null, id] = memberName.exec(name) ?? [];
    if (id !== undefined && members.length < maxMembers && !members.some((member) => member.id === id)) {
      members.push({ id, job, weight: Number.isFinite(number) ? number : 1 });
    } else if (name === 'rank' && Number.isInteger(number) && number >= 1) {
      form = { kind: 'rank', rank: number };
    } else if (name === 'energy' && number > 0 && number <= 1) {
      form = { kind: 'energy', energy: number };
    }
  }
  return { members, form };
}

/** The query that means a recipe; empty for an empty one. */
export function queryOf({ members, form }: Recipe): string {
  const query = new URLSearchParams(members.map((member) => [keyOf(member), String(member.weight)]));
  if (form.kind === 'rank') query.set('rank', String(form.rank));
  if (form.kind === 'energy') query.set('energy', String(form.energy));
  return query.size === 0 ? '' : `?${query}`;
}

/** How a member stands in the address. */
export const keyOf = ({ id, job }: Pick<Member, 'id' | 'job'>) => (job === null ? id : `${job}.${id}`);

/** Members as requests name them. */
export function membersOf(members: readonly Member[]): CompositionCreate['members'] {
  return members.map(({ id, job, weight }) =>
    job === null ? { adapter: id, weight } : { checkpoint: id, weight },
  );
}

/** A recipe as a request. */
export function bodyOf({ members, form }: Recipe): CompositionCreate {
  return {
    members: membersOf(members),
    ...(form.kind === 'rank' && { rank: form.rank }),
    ...(form.kind === 'energy' && { energy: form.energy }),
  };
}

/** Weights to two digits at least as sliders give them, without the dust of binary fractions. */
export const rounded = (value: number) => Number(value.toPrecision(6));
