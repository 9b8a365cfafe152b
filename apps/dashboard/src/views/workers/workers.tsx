/** The machines that do the work, and the queue before them. */
import { useQuery } from '@tanstack/react-query';
import { Server } from 'lucide-react';
import type { JobObject } from '#contracts/http/jobs.js';
import type { WorkerObject } from '#contracts/http/service.js';
import { jobsInState } from '../../api/jobs.js';
import { queueQuery, workersQuery } from '../../api/service.js';
import { Badge } from '../../ui/badge.js';
import { Card, Empty, PageHead, Skeleton } from '../../ui/layout.js';
import { Ago } from '../../ui/time.js';
import { Problem } from '../parts/common.js';
import { JobLine, QueueView } from '../jobs/queue.js';
import { deviceLabel, deviceName, deviceOptions } from './device-text.js';
import styles from './workers.module.css';

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
      <PageHead
        title="Machines"
        lead="The workers that train, compose and export, and the queue they take work from."
      />
      <Problem error={workers.error ?? queue.error} />
      {workers.data && alive.length === 0 && <NoWorker />}
      {alive.map((worker) => (
        <WorkerCard key={worker.id} worker={worker} running={running} />
      ))}
      {!workers.data && !workers.error && <Skeleton of="machines" />}
      {queue.data && <QueueView queue={queue.data} hasWorker={alive.length > 0} />}
      {gone.length > 0 && (
        <details>
          <summary>
            {gone.length} {gone.length === 1 ? 'worker' : 'workers'} stopped or lost in the last days
          </summary>
          <ul>
            {gone.map(({ id, host, pid, status, heartbeat_at }) => (
              <li key={id}>
                {host}, process {pid}: {status}, last heard from <Ago at={heartbeat_at} />
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
    <div className={styles.gap}>
      <Empty icon={Server} title="No machine is online">
        Jobs, compositions and exports wait until one is. <code>npm start</code> runs a worker beside the
        server. On another machine of a cluster, start one with <code>node dist/processes/worker.js</code>.
      </Empty>
    </div>
  );
}

interface WorkerCardProps {
  readonly worker: WorkerObject;
  readonly running: readonly JobObject[];
}

function WorkerCard({ worker, running }: WorkerCardProps) {
  const { host, pid, version, devices, jobs, started_at, heartbeat_at } = worker;
  return (
    <Card
      title={host}
      actions={
        <>
          <Badge tone={jobs.length === 0 ? 'ok' : 'info'}>{jobs.length === 0 ? 'idle' : 'busy'}</Badge>
          <span className={styles.heard}>
            last heard from <Ago at={heartbeat_at} />
          </span>
        </>
      }
    >
      {devices.length === 0 && (
        <p className="error">
          It found no working device and takes no jobs. <code>npx lowrank doctor</code> says why.
        </p>
      )}
      <ul className={styles.devices}>
        {devices.map((device, i) => (
          <li key={i}>
            <b>{deviceLabel(device)}</b>
            <span>{deviceName(device)}</span>
            {deviceOptions(device).length > 0 && (
              <small>
                Used by jobs that ask for <code>{deviceOptions(device).join(', ')}</code>
              </small>
            )}
          </li>
        ))}
      </ul>
      {jobs.length > 0 && (
        <ul className={styles.jobs} aria-label="Running here">
          {jobs.map((job) => (
            <JobLine key={job} id={job} job={running.find(({ id: other }) => other === job)} />
          ))}
        </ul>
      )}
      <p className={styles.heard}>
        Version {version}, process {pid}, started <Ago at={started_at} />
      </p>
    </Card>
  );
}
