/** What a job would come to. */
import type { ReactNode } from 'react';
import { listed } from '#base/quote.js';
import type { PlannedTime, PlanObject } from '#contracts/http/plans.js';
import { layersText } from '#training/layers-text.js';
import { bytes, seconds, short, whole } from '../../format.js';
import { cx } from '../../ui/cx.js';
import { Card, type Fact, Facts, Note } from '../../ui/layout.js';
import styles from './new-job.module.css';

const shownClasses = 20;

interface PlanProps {
  /** Null without data, and after a refusal. */
  readonly plan: PlanObject | null;
  /** Whether another one is on its way. */
  readonly isOld: boolean;
  readonly submit: ReactNode;
}

export function Plan({ plan, isOld, submit }: PlanProps) {
  return (
    <Card title="Plan" actions={isOld && <span className={styles.hint}>Updating…</span>}>
      {plan ? (
        <div aria-busy={isOld} className={cx(isOld && styles.old)}>
          <Planned plan={plan} />
        </div>
      ) : (
        <p>Choose a model and training data to see how long the job takes and what it learns.</p>
      )}
      {submit}
    </Card>
  );
}

function Planned({ plan }: { readonly plan: PlanObject }) {
  const data = plan.data?.training;
  const about = data?.estimated ? 'about ' : '';
  const share = plan.trainable_parameters / plan.model_parameters;
  const facts: Fact[] = [
    ['Steps', plan.total_steps === null ? 'not known yet' : whole(plan.total_steps)],
    [
      'Trained parameters',
      `${short(plan.trainable_parameters)} of ${short(plan.model_parameters)} (${Number((100 * share).toPrecision(2))}%)`,
    ],
    ['Adapter size', bytes(plan.adapter_bytes)],
    ['Rows', data ? about + whole(data.examples) : '–'],
    plan.classes
      ? ['Classes', listed(plan.classes, shownClasses)]
      : [
          'Tokens learned per epoch',
          data ? `${about}${whole(data.trained_tokens)} of ${whole(data.tokens)}` : '–',
        ],
  ];
  const choices = plan.choices ?? [];
  return (
    <>
      <p className={styles.time}>
        {plan.time ? range(plan.time) : 'Duration unknown'}
        <small>{plan.time ? judgedBy(plan.time) : 'No worker is running that could tell.'}</small>
      </p>
      <Facts facts={facts} />
      {plan.warnings.map(({ message }) => (
        <Note key={message}>{message}</Note>
      ))}
      <details>
        <summary>{layersText(plan)} matched</summary>
        <ul className={cx(styles.modules, 'modules')}>
          {plan.modules.map(({ path, shape, r }) => (
            <li key={path}>
              <code>{path}</code> {shape.join(' × ')}, rank {r}
            </li>
          ))}
          {plan.whole_weights.map(({ name, shape }) => (
            <li key={name}>
              <code>{name}</code> {shape.join(' × ')}, trained in full
            </li>
          ))}
        </ul>
      </details>
      <RunsOn verdicts={plan.runs_on} />
      {choices.length > 0 && (
        <details>
          <summary>
            {choices.length === 1 ? 'One setting was' : `${choices.length} settings were`} chosen for you
          </summary>
          <ul className={styles.modules}>
            {choices.map(({ option, value, reason }) => (
              <li key={option}>
                <code>{option}</code> {String(value)}: {reason}
              </li>
            ))}
          </ul>
        </details>
      )}
    </>
  );
}

function RunsOn({ verdicts }: { readonly verdicts: PlanObject['runs_on'] }) {
  const loading = verdicts.filter(({ runs }) => runs);
  if (verdicts.length === 0) return null;
  return (
    <details>
      <summary>
        Will run as it is on {loading.length} of {verdicts.length} programs
      </summary>
      <ul className={styles.modules}>
        {verdicts.map(({ program, runs, reason, export: format }) => (
          <li key={program}>
            {program}: {runs ? 'yes' : format === null ? 'no' : `as an export, ${format}`}
            {reason !== null && ` (${reason})`}
          </li>
        ))}
      </ul>
    </details>
  );
}

function range({ low_seconds: low, high_seconds: high }: PlannedTime): string {
  const [least, most] = [roughly(low), roughly(high)];
  return least === most ? `about ${most}` : `${least} to ${most}`;
}

/** Nobody needs the seconds of hours. */
function roughly(count: number): string {
  if (count < 60) return seconds(Math.max(5, 5 * Math.round(count / 5)));
  if (count < 5400) return `${Math.round(count / 60)} min`;
  const hours = count / 3600;
  return hours < 72 ? `${Number(hours.toPrecision(2))} h` : `${Math.round(hours / 24)} days`;
}

function judgedBy({ basis, jobs, operations, cores }: PlannedTime): string {
  const size = `${operations.toExponential(1).replace('e+', ' × 10^')} operations`;
  return basis === 'jobs'
    ? `Estimated from the speed of ${jobs === 1 ? 'one earlier job' : `${jobs} earlier jobs`} on this model.`
    : `Estimated from ${size} on ${cores ?? 1} processor cores. It gets better after the first job.`;
}
