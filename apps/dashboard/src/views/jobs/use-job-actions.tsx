/** What can be asked of a job, from wherever it is shown. */
import { useMutation } from '@tanstack/react-query';
import { Ban, Copy, Eye, Layers, Pause, Play } from 'lucide-react';
import { type ReactNode, useState } from 'react';
import type { JobObject } from '#contracts/http/jobs.js';
import type { JobAction } from '../../api/job-feed.js';
import { showJob } from '../../api/jobs.js';
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

export function useJobActions(job: JobObject): { entries: readonly MenuEntry[]; dialog: ReactNode } {
  const [isAsking, setAsking] = useState(false);
  const acting = useMutation({
    mutationFn: (action: JobAction) => jobsClient[action](job.id),
    onSuccess: (changed, action) => {
      showJob(changed);
      toast.done(`${nameOf(changed)} ${told[action]}.`);
    },
    onError: (error) => toast.error(error.message),
  });
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
    entries.push({ id: 'cancel', name: 'Cancel…', icon: Ban, isLoss: true, onAction: () => setAsking(true) });
  const dialog = (
    <ConfirmDialog
      title={`Cancel ${nameOf(job)}?`}
      question="It stops after its current step and cannot go on. Checkpoints that are saved stay."
      deed="Cancel the job"
      keep="Keep running"
      isOpen={isAsking}
      onOpenChange={setAsking}
      onConfirm={() => acting.mutate('cancel')}
    />
  );
  return { entries, dialog };
}
