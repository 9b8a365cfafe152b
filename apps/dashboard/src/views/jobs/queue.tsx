/** What waits for a worker, and what one runs. */
import { useQuery } from '@tanstack/react-query';
import type { JobObject } from '#contracts/http/jobs.js';
import type { QueueObject } from '#contracts/http/service.js';
import { jobsInState } from '../../api/jobs.js';
import { Link } from '../../router.js';
import { Facts, Progress, Status, Waiting } from '../parts/common.js';

const lookEveryMs = 3000;
const maxShown = 20;

export function QueueView({
  queue,
  hasWorker,
}: {
  readonly queue: QueueObject;
  readonly hasWorker: boolean;
}) {
  const { jobs, waiting, active, next } = queue;
  const { data: queued = [] } = useQuery({ ...jobsInState('queued'), refetchInterval: lookEveryMs });
  const count = (state: string) => jobs[state] ?? 0;
  return (
    <section aria-labelledby="queue">
      <h2 id="queue">Queue</h2>
      <Facts
        facts={[
          ['Jobs that wait', count('queued') + count('validating_files')],
          ['Jobs that run', count('running')],
          ['Jobs that are paused', count('paused')],
          ['Entries in the queue', `${waiting} waiting, ${active} taken`],
        ]}
      />
      {next.length === 0 && <p className="muted">Nothing of this project waits.</p>}
      {next.length > 0 && !hasWorker && (
        <p className="problem">Jobs wait, and no worker is there to take them.</p>
      )}
      {next.length > 0 && (
        <ol aria-label="Jobs that wait, the next first">
          {next.slice(0, maxShown).map((id) => (
            <JobLine key={id} id={id} job={queued.find((job) => job.id === id)} />
          ))}
        </ol>
      )}
      {next.length > maxShown && <p className="muted">and {next.length - maxShown} more</p>}
    </section>
  );
}

/** A job in a line: at least its id. */
export function JobLine({ id, job }: { readonly id: string; readonly job: JobObject | undefined }) {
  return (
    <li>
      <span className="line">
        <Link to={`/jobs/${id}`}>{job?.suffix ?? id}</Link>
        {job && (
          <>
            <span className="muted">{job.model}</span> <Status job={job} /> <Waiting job={job} />
            {job.progress.step > 0 && <Progress job={job} />}
          </>
        )}
      </span>
    </li>
  );
}
