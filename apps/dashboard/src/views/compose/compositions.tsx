/** Compositions that were published, and how far those are that are being made. */
import type { CompositionObject } from '#contracts/http/compositions.js';
import type { Pages } from '../../api/use-pages.js';
import { time } from '../../format.js';
import { Link } from '../../router.js';
import { Problem, ShowMore } from '../parts/common.js';
import { queryOf } from './compose-recipe.js';
import { percent } from './compose-report.js';
import { TaskProgress } from '../parts/task-progress.js';

export function Compositions({ pages }: { readonly pages: Pages<CompositionObject> }) {
  const { items, error } = pages;
  return (
    <section aria-labelledby="recent">
      <h2 id="recent">Published compositions</h2>
      <Problem error={error} />
      {items?.length === 0 && (
        <p className="empty">
          None yet. What you publish above becomes an adapter like any other: it can be downloaded, shared and
          composed again, and keeps its recipe.
        </p>
      )}
      <ul className="rows">
        {items?.map((composition) => (
          <li key={composition.id} className="row">
            <span>
              {composition.adapter ? (
                <Link to={`/adapters/${composition.adapter}`}>
                  {composition.suffix ?? composition.adapter}
                </Link>
              ) : (
                (composition.suffix ?? composition.id)
              )}
              <small>
                {composition.model}, {time(composition.created_at)}
              </small>
            </span>
            <span>{outline(composition)}</span>
            <TaskProgress task={composition} />
            <Again composition={composition} />
          </li>
        ))}
      </ul>
      <ShowMore pages={pages} of="compositions" />
    </section>
  );
}

function outline({ members, rank, energy, report }: CompositionObject): string {
  const form =
    rank !== null ? `rank ${rank}` : energy !== null ? `${percent(energy)} of the energy` : 'exact';
  const kept = report && rank !== null ? `, kept energy ${percent(report.overall.kept_energy)}` : '';
  return `weights ${members.map(({ weight }) => weight).join(', ')}; ${form}${kept}`;
}

/** The same members and weights, to go on from. Whose checkpoint a member is stands in no composition. */
function Again({ composition: { members, rank, energy } }: { readonly composition: CompositionObject }) {
  const adapters = members.flatMap(({ adapter, weight }) =>
    adapter ? [{ id: adapter, job: null, weight }] : [],
  );
  if (adapters.length < members.length) return <span />;
  const form =
    rank !== null
      ? ({ kind: 'rank', rank } as const)
      : energy !== null
        ? ({ kind: 'energy', energy } as const)
        : ({ kind: 'exact' } as const);
  return <Link to={`/compose${queryOf({ members: adapters, form })}`}>Change it</Link>;
}
