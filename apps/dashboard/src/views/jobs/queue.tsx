/** What waits in the queue. */
import { useQuery } from '@tanstack/react-query';
import type { JobObject } from '#contracts/http/jobs.js';
import type { QueueObject } from '#contracts/http/service.js';
import { jobsInState } from '../../api/jobs.js';
import { whole } from '../../format.js';
import { Link } from '../../router.js';
import { Card, Facts, Note } from '../../ui/layout.js';
import { Progress, Status, Waiting } from '../parts/common.js';
import styles from '../workers/workers.module.css';

const lookEveryMs = 3000;
const maxShown = 20;

interface QueueViewProps {
  readonly queue: QueueObject;
  readonly hasWorker: boolean;
}

export function QueueView({ queue, hasWorker }: QueueViewProps) {
  const { jobs, waiting, active, next } = queue;
  const { data: queued = [] } = useQuery({ ...jobsInState('queued'), refetchInterval: lookEveryMs });
  const count = (state: string) => jobs[state] ?? 0;
  return (
    <Card title="Queue">
      <Facts
        facts={[
          ['Waiting', whole(count('queued') + count('validating_files'))],
          ['Running', whole(count('running'))],
          ['Paused', whole(count('paused'))],
          ['Queue entries', `${whole(waiting)} waiting, ${whole(active)} in progress`],
        ]}
      />
      {next.length > 0 && !hasWorker && <Note>Jobs are waiting, and no machine is online to take them.</Note>}
      {next.length > 0 && (
        <ol className={styles.queue} aria-label="Waiting jobs, the next one first">
          {next.slice(0, maxShown).map((id) => (
            <JobLine key={id} id={id} job={queued.find((job) => job.id === id)} />
          ))}
        </ol>
      )}
      {next.length > maxShown && <p>And {whole(next.length - maxShown)} more.</p>}
    </Card>
  );
}

/** A job in a line: at least its id. */
export function JobLine({ id, job }: { readonly id: string; readonly job: JobObject | undefined }) {
  return (
    <li className={styles.line}>
      <Link to={`/jobs/${id}`}>{job?.suffix ?? id}</Link>
      {job && (
        <>
          <span>
            <Status job={job} />
          </span>
          {job.progress.step > 0 ? <Progress job={job} /> : <span>{job.model}</span>}
          {job.waiting && (
            <small>
              <Waiting job={job} />
            </small>
          )}
        </>
      )}
    </li>
  );
}
