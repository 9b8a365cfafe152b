/** Where the members of a composition work against each other. */
import type { CompositionReportObject } from '#contracts/composition-report.js';
import { number } from '../../format.js';
import { Badge } from '../../ui/badge.js';
import { cx } from '../../ui/cx.js';
import { Card } from '../../ui/layout.js';
import tableStyles from '../../ui/table.module.css';
import styles from './compose.module.css';

interface ComposeConflictsProps {
  readonly conflicts: NonNullable<CompositionReportObject['conflicts']>;
  /** Of the report's members, in their order. */
  readonly labels: readonly string[];
}

/** Independent updates agree by chance in half of the signs. */
const opposedAbove = 0.55;

export function ComposeConflicts({ conflicts, labels }: ComposeConflictsProps) {
  if (conflicts.length === 0) return null;
  return (
    <Card title="Conflicts between members">
      <p className={styles.hint}>
        With the weights as they are. Half of the signs differ between updates that have nothing to do with
        each other; more than that, or a negative cosine, means that they cancel each other out. At 90° they
        change different directions.
      </p>
      <section className={cx(tableStyles.frame, styles.scroll)} aria-label="Conflicts" tabIndex={0}>
        <table className={tableStyles.table}>
          <thead>
            <tr>
              <th scope="col">Members</th>
              <th scope="col">Opposed signs</th>
              <th scope="col">Cosine</th>
              <th scope="col">Angle of subspaces</th>
              <th scope="col">Shared layers</th>
            </tr>
          </thead>
          <tbody>
            {conflicts.map(({ members: [a, b], opposed_signs: opposed, cosine, angle, layers }) => (
              <tr key={`${a} ${b}`}>
                <th scope="row">
                  {labels[a]} and {labels[b]}
                </th>
                <td>
                  {layers === 0 ? '–' : `${(100 * opposed).toFixed(1)}%`}{' '}
                  {opposed > opposedAbove && <Badge tone="warn">against each other</Badge>}
                </td>
                <td>{number(cosine, 2)}</td>
                <td>{layers === 0 ? '–' : `${angle.toFixed(0)}°`}</td>
                <td>{layers}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </Card>
  );
}
