/** What runs, what waits, and what ended lately. */
import { useQuery } from '@tanstack/react-query';
import { Plus } from 'lucide-react';
import type { JobObject } from '#contracts/http/jobs.js';
import { jobsInState, newestJobs } from '../../api/jobs.js';
import { workersQuery } from '../../api/service.js';
import { brief, number } from '../../format.js';
import { Link } from '../../router.js';
import { StatusBadge } from '../../ui/badge.js';
import { LinkButton } from '../../ui/button.js';
import { useClock } from '../../ui/clock.js';
import { Card, PageHead, Skeleton } from '../../ui/layout.js';
import { Ago } from '../../ui/time.js';
import { durationOf, nameOf, stateOf } from '../jobs/job-facts.js';
import { Problem, Waiting } from '../parts/common.js';
import styles from './home.module.css';
import { Machines } from './machines.js';
import { RunningJob } from './running-job.js';
import { Welcome } from './welcome.js';

const lookEveryMs = 3000;
const newest = 30;
const shownEnded = 8;
const shownWaiting = 8;

export default function Home() {
  const recent = useQuery({ ...newestJobs(newest), refetchInterval: lookEveryMs });
  const { data: running = [] } = useQuery({ ...jobsInState('running'), refetchInterval: lookEveryMs });
  const { data: queued = [] } = useQuery({ ...jobsInState('queued'), refetchInterval: lookEveryMs });
  const workers = useQuery({ ...workersQuery, refetchInterval: lookEveryMs });
  const ended = recent.data
    ?.filter(({ finished_at }) => finished_at !== null)
    .toSorted((a, b) => b.finished_at! - a.finished_at!);
  const hasJobs = recent.data !== undefined && recent.data.length > 0;
  return (
    <>
      <PageHead
        title="Home"
        actions={
          hasJobs && (
            <LinkButton to="/new" look="primary" icon={Plus}>
              New job
            </LinkButton>
          )
        }
      />
      <Problem error={recent.error} />
      {!recent.data && !recent.error && <Skeleton of="the jobs" lines={6} />}
      {recent.data?.length === 0 && <Welcome />}
      <div className={styles.columns}>
        {hasJobs && (
          <div>
            <Card title="Running now">
              {running.length === 0 && <p className={styles.none}>Nothing is running.</p>}
              <div className={styles.running}>
                {running.map((job) => (
                  <RunningJob key={job.id} job={job} />
                ))}
              </div>
            </Card>
            {queued.length > 0 && <Queued jobs={queued} />}
            <Ended jobs={ended ?? []} />
          </div>
        )}
        <Machines workers={workers.data} running={running} />
      </div>
    </>
  );
}

function Queued({ jobs }: { readonly jobs: readonly JobObject[] }) {
  return (
    <Card title="Waiting">
      <ul className={styles.list}>
        {jobs.slice(0, shownWaiting).map((job) => (
          <li key={job.id}>
            <StatusBadge status={stateOf(job)} />
            <Link to={`/jobs/${job.id}`}>{nameOf(job)}</Link>
            <span className={styles.detail}>
              {job.waiting ? (
                <Waiting job={job} />
              ) : (
                job.position !== null && `Number ${job.position} in the queue.`
              )}
            </span>
          </li>
        ))}
      </ul>
      {jobs.length > shownWaiting && <Link to="/jobs">All {jobs.length} waiting jobs</Link>}
    </Card>
  );
}

function Ended({ jobs }: { readonly jobs: readonly JobObject[] }) {
  const now = useClock();
  if (jobs.length === 0) return null;
  return (
    <Card
      title="Finished recently"
      actions={
        <LinkButton to="/jobs" isSmall look="quiet">
          All jobs
        </LinkButton>
      }
    >
      <ul className={styles.list}>
        {jobs.slice(0, shownEnded).map((job) => {
          const duration = durationOf(job, now);
          return (
            <li key={job.id}>
              <StatusBadge status={job.status} />
              <Link to={`/jobs/${job.id}`}>{nameOf(job)}</Link>
              <span className={styles.detail}>
                {job.error?.message ??
                  [
                    job.progress.loss === null ? null : `loss ${number(job.progress.loss, 3)}`,
                    duration === null ? null : `took ${brief(duration)}`,
                  ]
                    .filter(Boolean)
                    .join(', ')}
              </span>
              <span className={styles.when}>
                <Ago at={job.finished_at!} />
              </span>
            </li>
          );
        })}
      </ul>
    </Card>
  );
}
