/** What a composition keeps of the exact sum, told before anything is published. */
import type { CompositionReportObject } from '#contracts/composition-report.js';
import { bytes, number, percent } from '../../format.js';
import { Facts, Problem } from '../parts/common.js';
import { cx } from '../../ui/cx.js';
import styles from './compose.module.css';
import { factorBytes } from './compose-stack.js';
import type { Preview } from './use-composition.js';

interface ReportProps {
  readonly preview: Preview;
  readonly weights: readonly number[];
}

export function ComposeReport({ preview, weights }: ReportProps) {
  const { report, error, isOld } = preview;
  if (weights.every((weight) => weight === 0))
    return <p className={styles.hint}>Every weight is 0, which is the base model itself. Move a slider.</p>;
  if (error) return <Problem error={error} />;
  if (!report) return <p className={styles.hint}>Measuring the members…</p>;
  const { overall } = report;
  return (
    <div aria-busy={isOld} className={cx(isOld && styles.old)}>
      <div className={styles.kept}>
        <label>
          Kept energy
          <meter min={0} max={1} value={overall.kept_energy} />
        </label>
        <strong aria-live="polite">{percent(overall.kept_energy)}</strong>
      </div>
      <Facts
        facts={[
          ['Relative error', number(overall.relative_error, 3)],
          ['Rank', rankText(report)],
          ['Size of the weights', `about ${bytes(factorBytes(report))}`],
          ['Norm of the sum', number(overall.norm)],
        ]}
      />
    </div>
  );
}

function rankText({ rank, stack_rank, modules }: CompositionReportObject): string {
  const least = Math.min(...modules.map((module) => module.rank));
  return `${least === rank ? rank : `${least} to ${rank}`} of ${stack_rank}`;
}
