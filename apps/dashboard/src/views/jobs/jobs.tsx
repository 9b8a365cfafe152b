/** The list of jobs. */
import { useQuery } from '@tanstack/react-query';
import { useEffect, useRef, useState } from 'react';
import { isOver } from '#client/job-reader.js';
import type { JobObject } from '#contracts/http/jobs.js';
import { jobList, lossesQuery } from '../../api/jobs.js';
import { usePages } from '../../api/use-pages.js';
import { Sparkline } from '../../charts/sparkline.js';
import { time } from '../../format.js';
import { Link } from '../../router.js';
import { Problem, Progress, ShowMore, Status, Waiting } from '../parts/common.js';

const pageSize = 50;
const lookEveryMs = 3000;
const sparkEveryMs = 4000;
/** The curve of a job that is over is read again seldom: its last steps may have come after its end. */
const overMs = 60_000;

export default function Jobs() {
  const pages = usePages(jobList, pageSize, lookEveryMs);
  const { items, error } = pages;
  return (
    <>
      <div className="head">
        <h1>Jobs</h1>
        <Link to="/new" className="button primary">
          New job
        </Link>
      </div>
      <Problem error={error} />
      {items?.length === 0 && <NoJobs />}
      {items && items.length > 0 && (
        <ul className="rows">
          {items.map((job) => (
            <JobRow key={job.id} job={job} />
          ))}
        </ul>
      )}
      {!items && !error && <p className="muted">Reading the jobs…</p>}
      <ShowMore pages={pages} of="jobs" />
    </>
  );
}

function JobRow({ job }: { readonly job: JobObject }) {
  const row = useRef<HTMLLIElement>(null);
  const isSeen = useSeen(row);
  const { data: losses = [] } = useQuery({
    ...lossesQuery(job.id),
    enabled: isSeen,
    ...(isOver(job) ? { staleTime: overMs } : { refetchInterval: sparkEveryMs }),
  });
  return (
    <li className="row" ref={row}>
      <div>
        <Link to={`/jobs/${job.id}`}>{job.suffix ?? job.id}</Link>
        <div className="muted">
          {job.model}, {time(job.created_at)}
        </div>
      </div>
      <div>
        <Status job={job} />
        <Waiting job={job} />
        {job.error && <small className="error">{job.error.message}</small>}
      </div>
      {job.progress.step === 0 && job.status !== 'running' ? (
        <span className="muted">{isOver(job) ? 'no step was done' : 'not started yet'}</span>
      ) : (
        <Progress job={job} />
      )}
      <Sparkline points={losses} />
    </li>
  );
}

/** How far below the screen an element is about to be seen. */
const soon = '600px';

/** Whether an element has been on the screen: curves of a long list are read when they come into view. */
function useSeen(element: { readonly current: Element | null }): boolean {
  const [isSeen, setSeen] = useState(false);
  useEffect(() => {
    const look = (entries: readonly IntersectionObserverEntry[]) => {
      if (entries.some(({ isIntersecting }) => isIntersecting)) setSeen(true);
    };
    const observer = new IntersectionObserver(look, { rootMargin: soon });
    if (element.current) observer.observe(element.current);
    return () => observer.disconnect();
  }, [element]);
  return isSeen;
}

function NoJobs() {
  return (
    <section className="empty">
      <h2>No job yet</h2>
      <p>
        A job teaches a base model from a file of examples, one JSON object a line, and gives an adapter of a
        few megabytes. <Link to="/new">Make the first one</Link>, or use a terminal:
      </p>
      <pre tabIndex={0}>npx lowrank train --model prose-4m --data examples/quickstart/train.jsonl</pre>
    </section>
  );
}
