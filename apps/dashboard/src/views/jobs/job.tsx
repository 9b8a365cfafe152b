/** One job, live. */
import { Copy, Pause, Play, Trash2, XCircle } from 'lucide-react';
import { isOver } from '#client/job-reader.js';
import type { JobObject } from '#contracts/http/jobs.js';
import type { JobAction } from '../../api/job-feed.js';
import { useJob } from '../../api/use-job.js';
import { StatusBadge } from '../../ui/badge.js';
import { Button, LinkButton } from '../../ui/button.js';
import { Id } from '../../ui/copy.js';
import { Confirm } from '../../ui/dialog.js';
import { Card, Note, PageHead, Skeleton } from '../../ui/layout.js';
import { Ago } from '../../ui/time.js';
import { go } from '../../router.js';
import { Problem, Waiting } from '../parts/common.js';
import { Snippets } from '../parts/snippets.js';
import { ConfusionMatrix } from './confusion-matrix.js';
import { JobCharts } from './job-charts.js';
import { JobCheckpoints } from './job-checkpoints.js';
import { JobConfiguration, JobDetails } from './job-configuration.js';
import { JobEvents } from './job-events.js';
import { canCancel, canPause, methodName, nameOf, stateOf } from './job-facts.js';
import { JobProgress } from './job-progress.js';
import styles from './job.module.css';
import { deletionQuestion, useJobDeletion } from './use-job-actions.js';
import { SampleAnswers } from './sample-answers.js';
import { bodyOfJob } from '../new-job/job-form.js';

export default function Job({ id }: { readonly id: string }) {
  const { job, events, samples, evaluation, curves, reading, connection, error, act, refusal } = useJob(id);
  if (!job) return error ? <Problem error={error} /> : <Skeleton of="the job" lines={10} />;
  return (
    <>
      <PageHead
        back={{ to: '/jobs', name: 'All jobs' }}
        title={
          <span className={styles.titleLine}>
            <span>{nameOf(job)}</span>
            <StatusBadge status={stateOf(job)} />
          </span>
        }
        lead={
          <span className={styles.sub}>
            <span>
              {methodName(job)} on {job.model}
            </span>
            <Id id={job.id} />
            <span>
              created <Ago at={job.created_at} />
            </span>
            {connection === 'lost' && <output>Connection lost. Reconnecting…</output>}
          </span>
        }
        actions={<Actions job={job} onAct={act} />}
      />
      <Problem error={refusal} />
      {job.waiting && (
        <Note>
          <Waiting job={job} />
        </Note>
      )}
      {job.error && <Problem error={new Error(job.error.message)} />}
      <JobProgress job={job} />
      <div className={styles.columns}>
        <div>
          <Card title="Curves">
            <JobCharts key={id} curves={curves} reading={reading} name={id} method={job.method.type} />
          </Card>
          <ConfusionMatrix evaluation={evaluation} />
          <SampleAnswers taken={samples} />
          <JobCheckpoints job={id} />
          <JobConfiguration job={job} />
          <Snippets title="Run it again from code" body={bodyOfJob(job)} />
        </div>
        <div>
          <JobDetails job={job} />
          <JobEvents events={events} />
        </div>
      </div>
    </>
  );
}

interface ActionsProps {
  readonly job: JobObject;
  readonly onAct: (action: JobAction) => void;
}

function Actions({ job, onAct }: ActionsProps) {
  const deleting = useJobDeletion(job, () => go('/jobs'));
  return (
    <>
      {canPause(job) && (
        <Button icon={Pause} onPress={() => onAct('pause')}>
          Pause
        </Button>
      )}
      {job.status === 'paused' && (
        <Button look="primary" icon={Play} onPress={() => onAct('resume')}>
          Resume
        </Button>
      )}
      {canCancel(job) && (
        <Confirm
          title={`Cancel ${nameOf(job)}?`}
          question="It stops after its current step and cannot go on. Checkpoints that are saved stay."
          deed="Cancel the job"
          keep="Keep running"
          onConfirm={() => onAct('cancel')}
        >
          <Button icon={XCircle}>Cancel</Button>
        </Confirm>
      )}
      {isOver(job) && (
        <Confirm {...deletionQuestion(job)} onConfirm={() => deleting.mutate()}>
          <Button icon={Trash2}>Delete</Button>
        </Confirm>
      )}
      <LinkButton to={`/new?from=${job.id}`} icon={Copy}>
        Clone and edit
      </LinkButton>
    </>
  );
}
