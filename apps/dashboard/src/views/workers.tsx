/** Who works, and what waits. */
import type { QueueObject, WorkerObject } from '#contracts/http/service.js';
import { useApi } from '../api/use-api.js';
import { time } from '../format.js';
import { Link } from '../router.js';
import { Problem } from './common.js';

export default function Workers() {
  const workers = useApi<{ data: WorkerObject[] }>('/v1/workers', 3000);
  const queue = useApi<QueueObject>('/v1/queue', 3000);
  return (
    <>
      <h1>Workers</h1>
      <Problem error={workers.error ?? queue.error} />
      {queue.data && (
        <p>
          {queue.data.waiting} waiting, {queue.data.active} active in the queue.
        </p>
      )}
      {workers.data?.data.length === 0 && <p className="empty">No worker yet: `npm start` runs one.</p>}
      <ul className="rows">
        {workers.data?.data.map(({ id, host, pid, status, devices, jobs, started_at }) => (
          <li key={id} className="row">
            <span>
              {host}, process {pid}
            </span>
            <span>{status}</span>
            <span>{devices.map(({ name }) => String(name)).join(', ') || 'no device'}</span>
            <span>
              {jobs.length === 0
                ? 'idle'
                : jobs.map((job) => (
                    <Link key={job} to={`/jobs/${job}`}>
                      {job}
                    </Link>
                  ))}
            </span>
            <span className="muted">since {time(started_at)}</span>
          </li>
        ))}
      </ul>
    </>
  );
}
