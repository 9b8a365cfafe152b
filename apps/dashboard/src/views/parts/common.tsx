/** Pieces that several views share. */
import type { ReactNode } from 'react';
import { ApiError } from '#client/errors.js';
import type { JobObject } from '#contracts/http/jobs.js';
import type { Pages } from '../../api/use-pages.js';
import { seconds, whole } from '../../format.js';
import { Link } from '../../router.js';

/** What went wrong; a server may name several things. */
export function Problem({ error }: { readonly error: Error | null }) {
  if (!error) return null;
  const problems = error instanceof ApiError ? error.problems : [];
  return (
    <div role="alert" className="problem">
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
  const asked = job.cancel_requested ? ', stopping' : job.pause_requested ? ', pausing' : '';
  const place = job.position === null ? '' : `, number ${job.position} in the queue`;
  return (
    <span className={`status ${job.status}`}>
      {job.status.replace('_', ' ')}
      {place}
      {asked}
    </span>
  );
}

/** Why a job waits. */
export function Waiting({ job }: { readonly job: JobObject }) {
  if (job.waiting === null) return null;
  const { code, message, jobs } = job.waiting;
  const [first, ...more] = jobs;
  if (code !== 'device_busy' || first === undefined) return <small>{message}</small>;
  const others = more.length === 0 ? '' : ` and ${more.length} more`;
  return (
    <small>
      Its device is busy with <Link to={`/jobs/${first}`}>{first}</Link>
      {others}
    </small>
  );
}

export function Progress({ job }: { readonly job: JobObject }) {
  const { step, total_steps, seconds_left } = job.progress;
  return (
    <span className="progress">
      <progress value={step} max={total_steps ?? Math.max(1, step)} aria-label={`Steps of ${job.id}`} />
      <span>
        {whole(step)} of {total_steps === null ? '?' : whole(total_steps)}
        {seconds_left === null ? '' : `, ${seconds(seconds_left)} left`}
      </span>
    </span>
  );
}

export function Facts({ facts }: { readonly facts: readonly (readonly [string, ReactNode])[] }) {
  return (
    <dl className="facts">
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

/** Reads another page of a list that goes on. */
export function ShowMore({ pages, of }: { readonly pages: Pages<unknown>; readonly of: string }) {
  if (!pages.hasMore) return null;
  return (
    <button type="button" onClick={pages.showMore} disabled={pages.isReading}>
      Show more {of}
    </button>
  );
}
