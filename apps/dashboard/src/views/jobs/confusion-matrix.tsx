/** Which classes the model takes for which. */
import type { CSSProperties } from 'react';
import type { EvaluationMetric } from '../../api/job-feed.js';
import { whole } from '../../format.js';
import { cx } from '../../ui/cx.js';
import { Card } from '../../ui/layout.js';
import tableStyles from '../../ui/table.module.css';
import styles from './job.module.css';

export function ConfusionMatrix({ evaluation }: { readonly evaluation: EvaluationMetric | null }) {
  const matrix = evaluation?.values.confusion_matrix;
  if (!evaluation || !matrix) return null;
  const { labels, counts } = matrix;
  return (
    <Card title="Classes">
      <p>
        What the model says of the validation data after step {whole(evaluation.step)}. Rows are the true
        classes, columns the predicted ones.
      </p>
      <section className={tableStyles.frame} aria-label="Confusion matrix" tabIndex={0}>
        <table className={cx(tableStyles.table, styles.confusion, 'confusion')}>
          <thead>
            <tr>
              <th scope="col">True class / predicted</th>
              {labels.map((label) => (
                <th key={label} scope="col">
                  {label}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {counts.map((row, i) => (
              <Row key={labels[i]} label={labels[i]!} row={row} own={i} />
            ))}
          </tbody>
        </table>
      </section>
    </Card>
  );
}

interface RowProps {
  readonly label: string;
  readonly row: readonly number[];
  /** Place of the right answers. */
  readonly own: number;
}

function Row({ label, row, own }: RowProps) {
  const total = row.reduce((sum, count) => sum + count, 0);
  return (
    <tr>
      <th scope="row">{label}</th>
      {row.map((count, i) => {
        const share = total === 0 ? 0 : count / total;
        return (
          <td
            key={i}
            className={i === own ? styles.right : styles.wrong}
            style={{ '--share': share } as CSSProperties}
            title={`${whole(count)} of ${whole(total)}`}
          >
            {whole(count)}
          </td>
        );
      })}
    </tr>
  );
}
