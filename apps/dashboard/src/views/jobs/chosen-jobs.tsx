/** What can be done with the jobs that are selected. */
import { useMutation } from '@tanstack/react-query';
import { Ban, Columns2, Trash2, X } from 'lucide-react';
import { isOver } from '#client/job-reader.js';
import type { JobObject } from '#contracts/http/jobs.js';
import { forgetJob, showJob } from '../../api/jobs.js';
import { jobsClient } from '../../api/jobs-client.js';
import { go } from '../../router.js';
import { Button, IconButton } from '../../ui/button.js';
import { Confirm } from '../../ui/dialog.js';
import { toast } from '../../ui/toast.js';
import { canCancel } from './job-facts.js';
import styles from './jobs.module.css';

interface ChosenJobsProps {
  readonly jobs: readonly JobObject[];
  readonly onClear: () => void;
}

const counted = (count: number) => (count === 1 ? '1 job' : `${count} jobs`);

export function ChosenJobs({ jobs, onClear }: ChosenJobsProps) {
  const open = jobs.filter(canCancel);
  const cancelling = useMutation({
    mutationFn: async () => {
      // One by one: each is a short request, and many at once would only wait.
      for (const { id } of open) showJob(await jobsClient.cancel(id));
    },
    onSuccess: () => {
      toast.done(`${counted(open.length)} being cancelled.`);
      onClear();
    },
    onError: (error) => toast.error(error.message),
  });
  const over = jobs.filter(isOver);
  const deleting = useMutation({
    mutationFn: async (gone: readonly JobObject[]) => {
      for (const { id } of gone) {
        await jobsClient.delete(id);
        forgetJob(id);
      }
    },
    onSuccess: (_, gone) => {
      toast.done(`${counted(gone.length)} deleted.`);
      onClear();
    },
    onError: (error) => toast.error(error.message),
  });
  if (jobs.length === 0) return null;
  return (
    <section className={styles.chosen} aria-label="Selected jobs">
      <span>{counted(jobs.length)} selected</span>
      <Button
        isSmall
        icon={Columns2}
        isDisabled={jobs.length < 2}
        onPress={() => go(`/compare?jobs=${jobs.map(({ id }) => id).join(',')}`)}
      >
        Compare
      </Button>
      <Confirm
        title={`Cancel ${counted(open.length)}?`}
        question="They stop after their current step and cannot go on. Checkpoints that are saved stay."
        keep="Keep running"
        deed={open.length === 1 ? 'Cancel the job' : 'Cancel the jobs'}
        onConfirm={() => cancelling.mutate()}
      >
        <Button isSmall icon={Ban} isDisabled={open.length === 0 || cancelling.isPending}>
          Cancel
        </Button>
      </Confirm>
      <Confirm
        title={`Delete ${counted(over.length)}?`}
        question={
          <>
            <p>Their curves, checkpoints, results and events are lost. Adapters and data files stay.</p>
            {over.length < jobs.length && (
              <p>{counted(jobs.length - over.length)} not over yet will stay: cancel first.</p>
            )}
          </>
        }
        deed={over.length === 1 ? 'Delete the job' : 'Delete the jobs'}
        onConfirm={() => deleting.mutate(over)}
      >
        <Button isSmall icon={Trash2} isDisabled={over.length === 0 || deleting.isPending}>
          Delete
        </Button>
      </Confirm>
      <IconButton isSmall icon={X} label="Clear the selection" onPress={onClear} />
    </section>
  );
}
