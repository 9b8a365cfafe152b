/** Layer by layer what a composition keeps, and what its members are worth. */
import { useState } from 'react';
import type { CompositionReportObject } from '#contracts/composition-report.js';
import { number, percent } from '../../format.js';
import { cx } from '../../ui/cx.js';
import tableStyles from '../../ui/table.module.css';
import styles from './compose.module.css';
import type { Stack } from './compose-stack.js';

interface ModulesProps {
  readonly report: CompositionReportObject;
  readonly stack: Stack;
  /** Of the members, in their order. */
  readonly labels: readonly string[];
  readonly weights: readonly number[];
}

export function ComposeModules({ report, stack, labels, weights }: ModulesProps) {
  const [isOpen, setOpen] = useState(false);
  return (
    <details className={styles.panel} onToggle={({ currentTarget }) => setOpen(currentTarget.open)}>
      <summary>{report.modules.length} modules, layer by layer</summary>
      {isOpen && (
        <section className={cx(tableStyles.frame, styles.scroll)} aria-label="Modules" tabIndex={0}>
          <table className={tableStyles.table}>
            <thead>
              <tr>
                <th scope="col">Module</th>
                <th scope="col">Rank</th>
                <th scope="col">Kept energy</th>
                <th scope="col">Error</th>
                <th scope="col">Norm of the sum</th>
                {labels.map((label, i) => (
                  <th key={i} scope="col">
                    Norm of {label}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {report.modules.map(({ path, rank, stack_rank, kept_energy, relative_error, norm }) => (
                <tr key={path}>
                  <th scope="row">
                    <code>{path}</code>
                  </th>
                  <td>
                    {rank} of {stack_rank}
                  </td>
                  <td>
                    <meter className={styles.small} aria-hidden="true" min={0} max={1} value={kept_energy} />{' '}
                    {percent(kept_energy)}
                  </td>
                  <td>{number(relative_error, 3)}</td>
                  <td>{number(norm, 3)}</td>
                  {labels.map((_, i) => (
                    <td key={i}>{number(normOf(stack, path, i, weights), 3)}</td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      )}
    </details>
  );
}

function normOf(stack: Stack, path: string, member: number, weights: readonly number[]): number | null {
  const norm = stack.norms.get(path)?.[member];
  return norm === undefined ? null : norm * Math.abs(weights[member]!);
}
