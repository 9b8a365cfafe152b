/** A new job: data, settings, and what it would come to. */
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import type { JobCreate } from '#contracts/http/job-create.js';
import { jobsClient } from '../../api/jobs-client.js';
import { trainingFilesQuery } from '../../api/files.js';
import { jobQuery, jobsKey, showJob } from '../../api/jobs.js';
import { modelsQuery } from '../../api/service.js';
import { go } from '../../router.js';
import { Problem } from '../parts/common.js';
import { FileDrop } from './file-drop.js';
import { JobFields } from './job-fields.js';
import { bodyOf, formOf, type JobForm, newForm } from './job-form.js';

import { Plan } from './plan.js';
import { Snippets } from '../parts/snippets.js';
import { usePlan } from './use-plan.js';

const oneLine = '{"messages": [{"role": "user", "content": "…"}, {"role": "assistant", "content": "…"}]}';

export default function NewJob() {
  const [form, setForm] = useState<JobForm>(newForm);
  const [base, setBase] = useState<Partial<JobCreate>>({});
  const [cloneError, setCloneError] = useState<Error | null>(null);
  const models = useQuery(modelsQuery);
  const files = useQuery(trainingFilesQuery);
  const queries = useQueryClient();
  const create = useMutation({
    mutationFn: (wanted: JobCreate) => jobsClient.create(wanted),
    onSuccess: (job) => {
      showJob(job);
      go(`/jobs/${job.id}`);
      return queries.invalidateQueries({ queryKey: jobsKey, refetchType: 'none' });
    },
  });
  const set = (change: Partial<JobForm>) => {
    setForm((old) => ({ ...old, ...change }));
    setCloneError(null);
    create.reset();
  };

  useEffect(() => {
    const from = new URLSearchParams(location.search).get('from');
    if (from === null) return;
    let isLeft = false;
    const load = async () => {
      const job = await queries.fetchQuery(jobQuery(from));
      if (isLeft) return;
      const { lora, training, init_adapter } = job;
      // What is not asked for is left to the server, which takes no null for everything.
      setBase({ lora, training, ...(init_adapter === null ? {} : { init_adapter }) });
      setForm(formOf(job));
    };
    load().catch(setCloneError);
    return () => {
      isLeft = true;
    };
  }, [queries]);
  const model = form.model || (models.data?.[0]?.id ?? '');
  const body = bodyOf({ ...form, model }, base);
  const { plan, isOld, error } = usePlan(body);
  const known = files.data ?? [];
  const isReady = plan !== null && !isOld && error === null;
  return (
    <>
      <h1>New job</h1>
      <Problem error={models.error ?? files.error} />
      <form
        onSubmit={(event) => {
          event.preventDefault();
          create.mutate(body);
        }}
      >
        <fieldset>
          <legend>Model and data</legend>
          <label>
            Base model
            <select value={model} onChange={({ target }) => set({ model: target.value })}>
              {models.data?.map(({ id }) => (
                <option key={id}>{id}</option>
              ))}
            </select>
          </label>
          <FileDrop
            label="Training data"
            help="Drop a .jsonl file here or choose one: a JSON object on each line."
            id={form.trainingFile}
            known={known}
            onFile={(trainingFile) => set({ trainingFile })}
          />
          <FileDrop
            label="Validation data, if you have some"
            help="Rows that it does not learn from: their loss tells what it understood."
            id={form.validationFile}
            known={known}
            onFile={(validationFile) => set({ validationFile })}
          />
        </fieldset>
        <JobFields form={form} set={set} plan={plan} />
        <Problem error={cloneError ?? create.error ?? error} />
        {plan && <Plan plan={plan} isOld={isOld} />}
        {form.trainingFile === '' && (
          <p className="muted">
            With data you see here what the job comes to before it starts. A row of a conversation is{' '}
            <code>{oneLine}</code>; <code>prompt</code> with <code>completion</code>, or <code>text</code>{' '}
            alone, will do too.
          </p>
        )}
        <p>
          <button className="primary" disabled={!isReady || create.isPending}>
            Start the job
          </button>
        </p>
      </form>
      {form.trainingFile !== '' && <Snippets title="Start it from code" body={body} />}
    </>
  );
}
