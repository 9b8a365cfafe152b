/** Which classes the model takes for which. */
import type { CSSProperties } from 'react';
import type { EvaluationMetric } from '../../api/job-feed.js';
import { whole } from '../../format.js';

export function ConfusionMatrix({ evaluation }: { readonly evaluation: EvaluationMetric | null }) {
  const matrix = evaluation?.values.confusion_matrix;
  if (!evaluation || !matrix) return null;
  const { labels, counts } = matrix;
  return (
    <section>
      <h2>
        Classes <small>on the validation data after step {whole(evaluation.step)}</small>
      </h2>
      <div className="table">
        <table className="confusion">
          <thead>
            <tr>
              <th scope="col">is, as the model says</th>
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
      </div>
    </section>
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
            className={i === own ? 'right' : 'wrong'}
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
