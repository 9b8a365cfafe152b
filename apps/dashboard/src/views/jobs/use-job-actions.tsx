/** What can be asked of a job, from wherever it is shown. */
import { useMutation } from '@tanstack/react-query';
import { Ban, Copy, Eye, Layers, Pause, Play, Trash2 } from 'lucide-react';
import { type ReactNode, useState } from 'react';
import { isOver } from '#client/job-reader.js';
import type { JobObject } from '#contracts/http/jobs.js';
import type { JobAction } from '../../api/job-feed.js';
import { forgetJob, showJob } from '../../api/jobs.js';
import { jobsClient } from '../../api/jobs-client.js';
import { go } from '../../router.js';
import { ConfirmDialog } from '../../ui/dialog.js';
import type { MenuEntry } from '../../ui/menu.js';
import { toast } from '../../ui/toast.js';
import { canCancel, canPause, nameOf } from './job-facts.js';

const told: Readonly<Record<JobAction, string>> = {
  pause: 'is pausing',
  resume: 'is queued again',
  cancel: 'is being cancelled',
};

export const deletionQuestion = (job: JobObject) => ({
  title: `Delete ${nameOf(job)}?`,
  question: 'Its curves, checkpoints, results and events are lost. Its adapter and its data stay.',
  deed: 'Delete the job',
});

export function useJobDeletion(job: JobObject, onDeleted?: () => void) {
  return useMutation({
    mutationFn: () => jobsClient.delete(job.id),
    onSuccess: () => {
      toast.done(`${nameOf(job)} was deleted.`);
      onDeleted?.();
      forgetJob(job.id);
    },
    onError: (error) => toast.error(error.message),
  });
}

export function useJobActions(job: JobObject): { entries: readonly MenuEntry[]; dialog: ReactNode } {
  const [asking, setAsking] = useState<'cancel' | 'delete' | null>(null);
  const acting = useMutation({
    mutationFn: (action: JobAction) => jobsClient[action](job.id),
    onSuccess: (changed, action) => {
      showJob(changed);
      toast.done(`${nameOf(changed)} ${told[action]}.`);
    },
    onError: (error) => toast.error(error.message),
  });
  const deleting = useJobDeletion(job);
  const { adapter } = job;
  const entries: MenuEntry[] = [
    { id: 'open', name: 'Open', icon: Eye, onAction: () => go(`/jobs/${job.id}`) },
    { id: 'clone', name: 'Clone and edit', icon: Copy, onAction: () => go(`/new?from=${job.id}`) },
  ];
  if (adapter !== null)
    entries.push({
      id: 'adapter',
      name: 'Open the adapter',
      icon: Layers,
      onAction: () => go(`/adapters/${adapter}`),
    });
  if (canPause(job))
    entries.push({ id: 'pause', name: 'Pause', icon: Pause, onAction: () => acting.mutate('pause') });
  if (job.status === 'paused')
    entries.push({ id: 'resume', name: 'Resume', icon: Play, onAction: () => acting.mutate('resume') });
  if (canCancel(job))
    entries.push({
      id: 'cancel',
      name: 'Cancel…',
      icon: Ban,
      isLoss: true,
      onAction: () => setAsking('cancel'),
    });
  if (isOver(job))
    entries.push({
      id: 'delete',
      name: 'Delete…',
      icon: Trash2,
      isLoss: true,
      onAction: () => setAsking('delete'),
    });
  const shared = { isOpen: asking !== null, onOpenChange: () => setAsking(null) };
  const dialog =
    asking === 'delete' ? (
      <ConfirmDialog {...deletionQuestion(job)} onConfirm={() => deleting.mutate()} {...shared} />
    ) : (
      <ConfirmDialog
        title={`Cancel ${nameOf(job)}?`}
        question="It stops after its current step and cannot go on. Checkpoints that are saved stay."
        deed="Cancel the job"
        keep="Keep running"
        onConfirm={() => acting.mutate('cancel')}
        {...shared}
      />
    );
  return { entries, dialog };
}
