/** What a job would come to. */
import { Fragment } from 'react';
import { listed } from '#base/quote.js';
import type { PlannedData, PlannedTime, PlanObject } from '#contracts/http/plans.js';
import { layersText } from '#training/layers-text.js';
import { Histogram } from '../../charts/histogram.js';
import { bytes, seconds, whole } from '../../format.js';
import { Facts } from '../parts/common.js';

const shownClasses = 20;

interface PlanProps {
  readonly plan: PlanObject;
  /** Whether another one is on its way. */
  readonly isOld: boolean;
}

export function Plan({ plan, isOld }: PlanProps) {
  const data = plan.data?.training;
  const about = data?.estimated ? 'about ' : '';
  return (
    <section aria-label="Plan" className="card" aria-busy={isOld}>
      <h2>The plan{isOld && <small>counting again…</small>}</h2>
      <Facts
        facts={[
          ['Time', plan.time ? range(plan.time) : 'not known: no worker is there'],
          ['Steps', plan.total_steps === null ? 'not known yet' : whole(plan.total_steps)],
          ['Trained parameters', `${whole(plan.trainable_parameters)} of ${whole(plan.model_parameters)}`],
          ['Adapter', bytes(plan.adapter_bytes)],
          ['Rows', data ? about + whole(data.examples) : '–'],
          plan.classes
            ? ['Classes', listed(plan.classes, shownClasses)]
            : [
                'Tokens learned',
                data ? `${about}${whole(data.trained_tokens)} of ${whole(data.tokens)} in one pass` : '–',
              ],
        ]}
      />
      {plan.time && <p className="muted">{judgedBy(plan.time)}</p>}
      {plan.warnings.map(({ message }) => (
        <p key={message} className="warning">
          {message}
        </p>
      ))}
      <details>
        <summary>{layersText(plan)} matched</summary>
        <ul className="modules">
          {plan.modules.map(({ path, shape, r }) => (
            <li key={path}>
              <code>{path}</code> {shape.join(' × ')}, rank {r}
            </li>
          ))}
          {plan.whole_weights.map(({ name, shape }) => (
            <li key={name}>
              <code>{name}</code> {shape.join(' × ')}, trained as it is
            </li>
          ))}
        </ul>
      </details>
      {(plan.choices ?? []).length > 0 && (
        <details>
          <summary>
            {plan.choices!.length === 1 ? 'One setting' : `${plan.choices!.length} settings`} chosen by the
            program
          </summary>
          <ul>
            {plan.choices!.map(({ option, value, reason }) => (
              <li key={option}>
                <code>{option}</code> {String(value)}: {reason}
              </li>
            ))}
          </ul>
        </details>
      )}
      {data && <Rows data={data} />}
    </section>
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
  if (basis === 'machine') return 'Time judged by the speed of the machine; the first job will tell better.';
  const size = `${operations.toExponential(1).replace('e+', ' × 10^')} operations`;
  return basis === 'jobs'
    ? `Time judged by the steps of ${jobs === 1 ? 'one earlier job' : `${jobs} earlier jobs`} on this model.`
    : `Time judged by the ${size} of the job and ${cores ?? 1} processor cores; the first job will tell better.`;
}

function Rows({ data }: { readonly data: PlannedData }) {
  const { lengths, block_length: block, truncated_examples: cut, dropped_examples: dropped } = data;
  const isLost = cut + dropped > 0;
  const lost = [
    ...(cut > 0 ? [`${whole(cut)} rows are longer and lose their end`] : []),
    ...(dropped > 0 ? [`${whole(dropped)} are left out: nothing to learn is in their beginning`] : []),
  ];
  if (lost.length === 0 && lengths.max > block) lost.push('what is longer goes on in another block');
  const label =
    `Rows have ${whole(lengths.min)} to ${whole(lengths.max)} tokens, half of them ${whole(lengths.median)} or fewer. ` +
    `A block holds ${whole(block)}${lost.length > 0 ? `: ${lost.join(', ')}` : ''}.`;
  return (
    <>
      <h3>Length of the rows</h3>
      <Histogram counts={lengths.counts} width={lengths.width} cut={block} label={label} />
      <p className={isLost ? 'warning' : 'muted'}>{label}</p>
      <h3>
        The first rows as the model reads them; what is <mark>marked</mark> is learned
      </h3>
      {data.shown_examples.map(({ line, tokens, shown_tokens: shown, label: named, pieces }, i) => (
        <details key={line} open={i === 0}>
          <summary>
            Line {whole(line)}, {whole(tokens)} tokens{shown < tokens && `, the first ${whole(shown)} shown`}
          </summary>
          <p className="example">
            {pieces.map(({ text, trained, sequence }, j) => (
              <Fragment key={j}>
                {sequence !== pieces[j - 1]?.sequence && (
                  <b>
                    {j > 0 && '\n'}
                    {sequence}:{' '}
                  </b>
                )}
                {trained ? <mark>{text}</mark> : <span>{text}</span>}
              </Fragment>
            ))}
            {named !== null && (
              <>
                {' → '}
                <mark>{named}</mark>
              </>
            )}
          </p>
        </details>
      ))}
    </>
  );
}
