/** Classes of rows, held against those that a job is to learn. */
import { ClassNames, explainUnknownClass } from '#data/class-names.js';
import type { PlanProblem } from '#jobs/plan-problems.js';
import type { DataHead } from '#training/data-head.js';
import type { Method } from '#training/objectives/declared/registry.js';

/** The beginnings of a job's data. */
export interface Heads {
  readonly training: DataHead;
  readonly validation: DataHead | null;
}

interface ClassRequest {
  readonly options: { readonly method: Method };
  readonly initAdapter: { readonly classes?: readonly string[] | null } | null;
}

const maxUnknownClasses = 10;

/** Whether the rest of the training file may bring further classes. */
function isOpen({ options: { method }, initAdapter }: ClassRequest, { training }: Heads): boolean {
  const isNamed = 'labels' in method && method.labels !== null;
  return training.isPart && !isNamed && (initAdapter?.classes ?? null) === null;
}

/** Rows of classes that the model is not to learn, by their first lines; `names` = undefined where tokens are learned. */
export function unknownClasses(
  request: ClassRequest,
  heads: Heads,
  names: readonly string[] | undefined,
): PlanProblem[] {
  if (!names || isOpen(request, heads)) return [];
  const classes = new ClassNames(names);
  return (['training', 'validation'] as const).flatMap((part) =>
    [...(heads[part]?.classLines ?? [])]
      .filter(([label]) => classes.find(label) === undefined)
      .slice(0, maxUnknownClasses)
      .map(([label, line]) => ({
        field: `${part}_file`,
        code: 'unknown_class',
        message: `line ${line}, label, ${explainUnknownClass(label, names)}`,
        line,
      })),
  );
}
