/** Pieces that several views share. */
import { ApiError } from '#client/errors.js';
import type { JobObject } from '#contracts/http/jobs.js';
import type { Pages } from '../../api/use-pages.js';
import { brief, whole } from '../../format.js';
import { Link } from '../../router.js';
import { StatusBadge } from '../../ui/badge.js';
import { Button } from '../../ui/button.js';
import { Facts as FactList, problemClass, Progress as ProgressLine } from '../../ui/layout.js';
import { nameOf, stateOf, toneOf } from '../jobs/job-facts.js';

/** What went wrong; a server may name several things. */
export function Problem({ error }: { readonly error: Error | null }) {
  if (!error) return null;
  const problems = error instanceof ApiError ? error.problems : [];
  return (
    <div role="alert" className={problemClass}>
      <p>{error.message}</p>
      {problems.length > 0 && (
        <ul>
          {problems.map(({ line, field, message, fix }, i) => (
            <li key={i}>
              {line ? <b>Line {line}: </b> : null}
              {field ? <code>{field}</code> : null} {message}
              {fix ? `; ${fix}` : ''}
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}

export function Status({ job }: { readonly job: JobObject }) {
  return (
    <>
      <StatusBadge status={stateOf(job)} />
      {job.position !== null && <small className="muted"> Number {job.position} in the queue</small>}
    </>
  );
}

/** Why a job waits. */
export function Waiting({ job }: { readonly job: JobObject }) {
  if (job.waiting === null) return null;
  const { code, message, jobs } = job.waiting;
  const [first, ...more] = jobs;
  if (code !== 'device_busy' || first === undefined) return <span>Waiting: {message}.</span>;
  const others = more.length === 0 ? '' : ` and ${more.length} more`;
  return (
    <span>
      Waiting for its device, which is running <Link to={`/jobs/${first}`}>{first}</Link>
      {others}.
    </span>
  );
}

export function Progress({ job }: { readonly job: JobObject }) {
  const { step, total_steps, seconds_left } = job.progress;
  return (
    <ProgressLine
      label={`Steps of ${nameOf(job)}`}
      value={step}
      max={total_steps ?? Math.max(1, step)}
      tone={toneOf(job)}
    >
      {whole(step)}
      {total_steps !== null && ` of ${whole(total_steps)}`} steps
      {seconds_left !== null && `, ${brief(seconds_left)} left`}
    </ProgressLine>
  );
}

export const Facts = FactList;

/** Reads another page of a list that goes on. */
export function ShowMore({ pages, of }: { readonly pages: Pages<unknown>; readonly of: string }) {
  if (!pages.hasMore) return null;
  return (
    <Button onPress={pages.showMore} isDisabled={pages.isReading}>
      Show more {of}
    </Button>
  );
}
