/** Who works, and what waits. */
import { useQuery } from '@tanstack/react-query';
import type { JobObject } from '#contracts/http/jobs.js';
import type { WorkerObject } from '#contracts/http/service.js';
import { jobsInState } from '../../api/jobs.js';
import { queueQuery, workersQuery } from '../../api/service.js';
import { useNow } from '../../api/use-now.js';
import { bytes, seconds, time } from '../../format.js';
import { Problem } from '../parts/common.js';
import { JobLine, QueueView } from '../jobs/queue.js';

const lookEveryMs = 3000;

export default function Workers() {
  const workers = useQuery({ ...workersQuery, refetchInterval: lookEveryMs });
  const queue = useQuery({ ...queueQuery, refetchInterval: lookEveryMs });
  const { data: running = [] } = useQuery({ ...jobsInState('running'), refetchInterval: lookEveryMs });
  const all = workers.data ?? [];
  const alive = all.filter(({ status }) => status === 'alive');
  const gone = all.filter(({ status }) => status !== 'alive');
  return (
    <>
      <h1>Workers</h1>
      <Problem error={workers.error ?? queue.error} />
      {workers.data && alive.length === 0 && <NoWorker />}
      {alive.map((worker) => (
        <WorkerCard key={worker.id} worker={worker} running={running} />
      ))}
      {!workers.data && !workers.error && <p className="muted">Reading the workers…</p>}
      {queue.data && <QueueView queue={queue.data} hasWorker={alive.length > 0} />}
      {gone.length > 0 && (
        <details>
          <summary>
            {gone.length} {gone.length === 1 ? 'worker' : 'workers'} of the last days that stopped or were
            lost
          </summary>
          <ul>
            {gone.map(({ id, host, pid, status, heartbeat_at }) => (
              <li key={id}>
                {host}, process {pid}: {status}, last heard at {time(heartbeat_at)}
              </li>
            ))}
          </ul>
        </details>
      )}
    </>
  );
}

function NoWorker() {
  return (
    <section className="empty">
      <h2>No worker is alive</h2>
      <p>
        Jobs, compositions and merged models wait until there is one. <code>npm start</code> runs a worker
        beside the server; on another machine of a cluster this starts one:
      </p>
      <pre tabIndex={0}>node dist/processes/worker.js</pre>
    </section>
  );
}

interface WorkerCardProps {
  readonly worker: WorkerObject;
  readonly running: readonly JobObject[];
}

function WorkerCard({ worker, running }: WorkerCardProps) {
  const { id, host, pid, version, devices, jobs, started_at, heartbeat_at } = worker;
  const silent = Math.max(0, useNow(lookEveryMs) - heartbeat_at);
  return (
    <section className="card" aria-label={`Worker ${id}`}>
      <div className="head">
        <h2>{host}</h2>
        <span className="status">alive, heard {seconds(silent)} ago</span>
      </div>
      <small>
        process {pid}, version {version}, since {time(started_at)}
      </small>
      <ul>
        {devices.map((device, i) => (
          <li key={i}>{deviceText(device)}</li>
        ))}
        {devices.length === 0 && (
          <li className="problem">
            It found no device that works and takes no jobs: <code>npx lowrank doctor</code> says why.
          </li>
        )}
      </ul>
      {jobs.length === 0 ? (
        <p className="muted">It runs no job now.</p>
      ) : (
        <ul className="plain" aria-label="What it runs">
          {jobs.map((job) => (
            <JobLine key={job} id={job} job={running.find(({ id: other }) => other === job)} />
          ))}
        </ul>
      )}
    </section>
  );
}

/** Such as `cpu: AMD EPYC, 2 cores, 24.0 GB memory; for cpu, eager`. */
function deviceText(device: Readonly<Record<string, unknown>>): string {
  const text = (name: string) => (typeof device[name] === 'string' ? device[name] : null);
  const count = (name: string) => (typeof device[name] === 'number' ? device[name] : null);
  const memory = count('card_memory_bytes') ?? count('memory_bytes');
  const facts = [
    text('card') ?? text('processor'),
    count('cores') && `${count('cores')} cores`,
    memory && `${bytes(memory)} memory`,
  ].filter(Boolean);
  const names = Array.isArray(device['devices']) ? device['devices'].map(String).join(', ') : '';
  const number = count('index') === null ? '' : ` ${count('index')}`;
  return `${text('name') ?? 'device'}${number}: ${facts.join(', ')}${names && `; jobs call it ${names}`}`;
}
