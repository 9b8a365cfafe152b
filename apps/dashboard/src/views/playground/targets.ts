/** Who is asked, as the address names them: `?model=prose-4m&model=adapter-A&mix=adapter-A:0.7,adapter-B:-0.3`. */
import { keyOf, type Member, membersOf, parseRecipe } from '../compose/compose-recipe.js';

/** A base model, or adapters and checkpoints with their weights. */
export interface Target {
  /** Name of a base model; null for members, which know theirs. */
  readonly base: string | null;
  readonly members: readonly Member[];
}

export const maxColumns = 4;

export const baseTarget = (base: string): Target => ({ base, members: [] });

/** Of a base model's name, or of an adapter or a checkpoint as an address names it. */
export function targetOf(name: string): Target {
  const { members } = parseRecipe(`?${new URLSearchParams([[name, '1']])}`);
  return members.length === 0 ? baseTarget(name) : { base: null, members };
}

/** Reads the query of an address, in its order; what it does not understand is left out. */
export function parseTargets(query: string): Target[] {
  const targets: Target[] = [];
  for (const [name, value] of new URLSearchParams(query)) {
    if (name === 'model' && value !== '') targets.push(targetOf(value));
    if (name === 'mix') {
      const weights = value.split(',').map((one) => one.split(':') as [string, string?]);
      const entries = weights.map(([key, weight = '1']): [string, string] => [key, weight]);
      const { members } = parseRecipe(`?${new URLSearchParams(entries)}`);
      if (members.length > 0) targets.push({ base: null, members });
    }
  }
  return targets.slice(0, maxColumns);
}

/** The query that means these targets. */
export function queryOfTargets(targets: readonly Target[]): string {
  const parts = targets.map((target) => {
    const { base, members } = target;
    if (base !== null) return `model=${encodeURIComponent(base)}`;
    if (isOne(target)) return `model=${keyOf(members[0]!)}`;
    return `mix=${members.map((member) => `${keyOf(member)}:${member.weight}`).join(',')}`;
  });
  return parts.length === 0 ? '' : `?${parts.join('&')}`;
}

/** Whether it is one adapter or checkpoint as it is. */
export const isOne = ({ members }: Target) => members.length === 1 && members[0]!.weight === 1;

/** How a request names a target; `base` is the base model of its members. */
export function modelOf(target: Target, base: string) {
  if (target.base !== null) return { model: target.base };
  if (isOne(target)) return { model: target.members[0]!.id };
  return { model: base, members: membersOf(target.members) };
}

/** A name for people, such as `0.7 × verse − 0.3 × law`. */
export function labelOfTarget(target: Target, labels: readonly string[]): string {
  if (target.base !== null) return target.base;
  if (isOne(target)) return labels[0]!;
  return target.members
    .map(({ weight }, i) => {
      const sign = weight < 0 ? '−' : '+';
      return `${i === 0 ? (weight < 0 ? '−' : '') : `${sign} `}${Math.abs(weight)} × ${labels[i]}`;
    })
    .join(' ');
}
