/** The objectives that a run can learn by. A new one is a file beside this one, its declaration, and an entry in the table. */
import type { Method, MethodType } from '#training/objectives/declared/registry.js';
import { dpo } from '#training/objectives/dpo.js';
import { nextToken } from '#training/objectives/next-token.js';
import type { Objective } from '#training/objectives/objective.js';

/** Objectives with their options, by `method.type`. */
const objectives: { readonly [T in MethodType]: (method: Extract<Method, { type: T }>) => Objective } = {
  supervised: () => nextToken,
  dpo,
};

/** The objective that a method names, with its options. */
export function objectiveOf(method: Method): Objective {
  const make = objectives[method.type] as (method: Method) => Objective;
  return make(method);
}
