/** What the server knows of those who are asked. */
import { useQuery } from '@tanstack/react-query';
import { modelsQuery } from '../../api/service.js';
import { keyOf, type Member } from '../compose/compose-recipe.js';
import { useMembers } from '../compose/use-members.js';
import { labelOfTarget, type Target } from './targets.js';

export interface TargetFacts {
  /** A name for people. */
  readonly label: string;
  /** Names of the members. */
  readonly labels: readonly string[];
  /** The base model; null until it is known. */
  readonly base: string | null;
  /** Whether it answers conversations, and not only texts to go on with. */
  readonly canChat: boolean;
  readonly error: Error | null;
  /** Sample prompts of the jobs that made it, as texts or turns of a conversation. */
  readonly prompts: readonly unknown[];
}

export function useTargetFacts(targets: readonly Target[]): readonly TargetFacts[] {
  const models = useQuery(modelsQuery);
  const members = new Map<string, Member>();
  for (const target of targets) for (const member of target.members) members.set(keyOf(member), member);
  const states = useMembers([...members.values()]);
  return targets.map((target) => {
    const found = target.members.map((member) => states.get(keyOf(member)));
    const known = found.map((state) => (state === undefined || state instanceof Error ? null : state));
    const labels = target.members.map(({ id }, i) => known[i]?.label ?? id);
    const base = models.data?.find(({ id }) => id === target.base);
    const error = found.find((state) => state instanceof Error) ?? null;
    return {
      label: labelOfTarget(target, labels),
      labels,
      base: target.base ?? known.find((facts) => facts !== null)?.model ?? null,
      // Adapters of a base without a template learned conversations in the default one.
      canChat: target.base === null || (base?.chat ?? true),
      error,
      prompts: known.flatMap((facts) => facts?.prompts ?? []),
    };
  });
}
