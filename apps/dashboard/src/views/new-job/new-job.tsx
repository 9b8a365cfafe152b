/** A new job in steps, with what it would come to beside them. */
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { RotateCcw } from 'lucide-react';
import { useEffect, useState } from 'react';
import type { JobCreate } from '#contracts/http/job-create.js';
import { jobsClient } from '../../api/jobs-client.js';
import { trainingFilesQuery } from '../../api/files.js';
import { jobQuery, jobsKey, showJob } from '../../api/jobs.js';
import { modelsQuery } from '../../api/service.js';
import { go } from '../../router.js';
import { Button } from '../../ui/button.js';
import { PageHead } from '../../ui/layout.js';
import { toast } from '../../ui/toast.js';
import { Problem } from '../parts/common.js';
import { Snippets } from '../parts/snippets.js';
import { AdapterStep } from './adapter-step.js';
import { type Draft, emptyDraft, forgetDraft, isEmpty, keepDraft, readDraft } from './draft.js';
import { bodyOf, formOf, type JobForm, restOf } from './job-form.js';
import { DataStep } from './data-step.js';
import { MethodStep } from './method-step.js';
import { ModelStep } from './model-step.js';
import styles from './new-job.module.css';
import { Plan } from './plan.js';
import { TrainingStep } from './training-step.js';
import { usePlan } from './use-plan.js';

export default function NewJob() {
  const [asked] = useState(() => new URLSearchParams(location.search));
  const from = asked.get('from');
  const [draft, setDraft] = useState<Draft>(() => beginning(asked));
  const [cloneError, setCloneError] = useState<Error | null>(null);
  const models = useQuery(modelsQuery);
  const files = useQuery(trainingFilesQuery);
  const queries = useQueryClient();
  const create = useMutation({
    mutationFn: (wanted: JobCreate) => jobsClient.create(wanted),
    onSuccess: (job) => {
      forgetDraft();
      showJob(job);
      go(`/jobs/${job.id}`);
      toast.done('The job is in the queue.');
      return queries.invalidateQueries({ queryKey: jobsKey, refetchType: 'none' });
    },
  });
  const change = (next: (old: Draft) => Draft) => {
    setDraft((old) => {
      const changed = next(old);
      keepDraft(changed);
      return changed;
    });
    setCloneError(null);
    create.reset();
  };
  const set = (fields: Partial<JobForm>) =>
    change(({ form, base }) => ({ form: { ...form, ...fields }, base }));

  useEffect(() => {
    if (from === null) return;
    let isLeft = false;
    const load = async () => {
      const job = await queries.fetchQuery(jobQuery(from));
      if (!isLeft) setDraft({ form: formOf(job), base: restOf(job) });
    };
    load().catch(setCloneError);
    return () => {
      isLeft = true;
    };
  }, [queries, from]);

  const { form, base } = draft;
  const model = form.model || (models.data?.[0]?.id ?? '');
  const body = bodyOf({ ...form, model }, base);
  const { plan, isOld, error } = usePlan(body);
  const known = files.data ?? [];
  const isReady = plan !== null && !isOld && error === null;
  return (
    <>
      <PageHead
        title="New job"
        lead="Train an adapter on your data. Only the first two steps need you; everything else has a sensible default."
        actions={
          !isEmpty(draft) && (
            <Button
              look="quiet"
              icon={RotateCcw}
              onPress={() => {
                forgetDraft();
                setDraft(emptyDraft);
              }}
            >
              Start over
            </Button>
          )
        }
      />
      <Problem error={models.error ?? files.error} />
      <form
        className={styles.columns}
        onSubmit={(event) => {
          event.preventDefault();
          create.mutate(body);
        }}
      >
        <div>
          <ModelStep models={models.data} value={model} onChange={(name) => set({ model: name })} />
          <DataStep form={form} set={set} plan={plan} known={known} />
          <MethodStep form={form} set={set} plan={plan} />
          <AdapterStep form={form} set={set} plan={plan} />
          <TrainingStep form={form} set={set} plan={plan} />
          <Snippets title="Start it from code" body={body} />
        </div>
        <div className={styles.aside}>
          <Problem error={cloneError ?? create.error ?? error} />
          <Plan
            plan={plan}
            isOld={isOld}
            submit={
              <div className={styles.submit}>
                <Button type="submit" look="primary" isDisabled={!isReady || create.isPending}>
                  Start the job
                </Button>
              </div>
            }
          />
        </div>
      </form>
    </>
  );
}

/** The form as the address asks for it: `?from=JOB`, `?model=NAME`, `?file=ID`; or else as it was left. */
function beginning(asked: URLSearchParams): Draft {
  if (asked.has('from')) return emptyDraft;
  const { form, base } = readDraft();
  const model = asked.get('model') ?? form.model;
  const trainingFile = asked.get('file') ?? form.trainingFile;
  return { form: { ...form, model, trainingFile }, base };
}
