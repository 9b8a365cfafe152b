/** The machines that train, and how busy they are. */
import type { JobObject } from '#contracts/http/jobs.js';
import type { WorkerObject } from '#contracts/http/service.js';
import { Badge } from '../../ui/badge.js';
import { LinkButton } from '../../ui/button.js';
import { Card, Note, Skeleton } from '../../ui/layout.js';
import { deviceName } from '../workers/device-text.js';
import styles from './home.module.css';

interface MachinesProps {
  readonly workers: readonly WorkerObject[] | undefined;
  readonly running: readonly JobObject[];
}

export function Machines({ workers, running }: MachinesProps) {
  const alive = workers?.filter(({ status }) => status === 'alive') ?? [];
  return (
    <Card
      title="Machines"
      actions={
        <LinkButton to="/workers" isSmall look="quiet">
          Details
        </LinkButton>
      }
    >
      {workers === undefined && <Skeleton of="machines" lines={2} />}
      {workers !== undefined && alive.length === 0 && (
        <Note>No machine is online. Jobs wait until a worker starts.</Note>
      )}
      {alive.map(({ id, host, devices, jobs }) => (
        <div key={id} className={styles.machine}>
          <div className={styles.machineHead}>
            <b>{host}</b>
            <Badge tone={jobs.length === 0 ? 'ok' : 'info'}>{jobs.length === 0 ? 'idle' : 'busy'}</Badge>
          </div>
          {devices.map((device, i) => (
            <p key={i}>{deviceName(device)}</p>
          ))}
          <p>
            {jobs.length === 0
              ? 'Ready for the next job'
              : `Running ${jobs.map((job) => running.find(({ id: other }) => other === job)?.suffix ?? job).join(', ')}`}
          </p>
        </div>
      ))}
    </Card>
  );
}
