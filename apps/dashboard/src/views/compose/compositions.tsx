/** Compositions that were published, and how far those are that are being made. */
import type { CompositionObject } from '#contracts/http/compositions.js';
import type { Pages } from '../../api/use-pages.js';
import { percent } from '../../format.js';
import { Link } from '../../router.js';
import { Ago } from '../../ui/time.js';
import { Problem, ShowMore } from '../parts/common.js';
import { Card } from '../../ui/layout.js';
import styles from './compose.module.css';
import { queryOf } from './compose-recipe.js';
import { TaskProgress } from '../parts/task-progress.js';

export function Compositions({ pages }: { readonly pages: Pages<CompositionObject> }) {
  const { items, error } = pages;
  return (
    <Card title="Published compositions">
      <Problem error={error} />
      {items?.length === 0 && (
        <p className={styles.hint}>
          None yet. What you publish above becomes an adapter like any other, and keeps its recipe.
        </p>
      )}
      <ul className={styles.rows}>
        {items?.map((composition) => (
          <li key={composition.id}>
            <span>
              {composition.adapter ? (
                <Link to={`/adapters/${composition.adapter}`}>
                  {composition.suffix ?? composition.adapter}
                </Link>
              ) : (
                (composition.suffix ?? composition.id)
              )}
              <small>
                {composition.model}, <Ago at={composition.created_at} />
              </small>
            </span>
            <span>{outline(composition)}</span>
            <TaskProgress task={composition} />
            <Again composition={composition} />
          </li>
        ))}
      </ul>
      <ShowMore pages={pages} of="compositions" />
    </Card>
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
