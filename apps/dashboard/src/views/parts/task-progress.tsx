/** How far a composition or an export is. */
import { bytes, whole } from '../../format.js';
import { StatusBadge } from '../../ui/badge.js';
import styles from './parts.module.css';

interface Task {
  readonly id: string;
  readonly status: 'queued' | 'running' | 'succeeded' | 'failed' | 'cancelled';
  readonly progress: { readonly stage: string; readonly done: number; readonly total: number } | null;
  readonly error: { readonly message: string } | null;
}

export const isAtWork = ({ status }: Pick<Task, 'status'>) => status === 'queued' || status === 'running';

/** `unit` says what the progress counts. */
export function TaskProgress({
  task,
  unit = 'layers',
}: {
  readonly task: Task;
  readonly unit?: 'layers' | 'bytes';
}) {
  const { id, status, progress, error } = task;
  const amount = (count: number) => (unit === 'bytes' ? bytes(count) : whole(count));
  return (
    <span className={styles.progress}>
      <StatusBadge status={status} />
      {isAtWork(task) && (
        <progress aria-label={`Progress of ${id}`} value={progress?.done} max={progress?.total} />
      )}
      {isAtWork(task) && progress && (
        <span>
          {progress.stage}, {amount(progress.done)} of {amount(progress.total)}
          {unit === 'layers' ? ' layers' : ''}
        </span>
      )}
      {status === 'queued' && !progress && <small>waiting for a worker</small>}
      {error && <small className="error">{error.message}</small>}
    </span>
  );
}
