/** A new job: data, settings, and what it would come to. */
import { useEffect, useState } from 'react';
import type { FileObject } from '#contracts/http/files.js';
import type { JobCreate } from '#contracts/http/job-create.js';
import type { JobObject } from '#contracts/http/jobs.js';
import type { ModelObject } from '#contracts/http/models.js';
import type { Page } from '#contracts/http/pages.js';
import { authorization, get, post, type RequestError } from '../../api/http.js';
import { useApi } from '../../api/use-api.js';
import { serverAddress } from '../../base-path.js';
import { go } from '../../router.js';
import { Problem } from '../parts/common.js';
import { FileDrop } from './file-drop.js';
import { JobFields } from './job-fields.js';
import { bodyOf, formOf, type JobForm, newForm } from './job-form.js';
import { snippetsOf } from './job-snippets.js';
import { Plan } from './plan.js';
import { Snippets } from './snippets.js';
import { usePlan } from './use-plan.js';

const oneLine = '{"messages": [{"role": "user", "content": "…"}, {"role": "assistant", "content": "…"}]}';

export default function NewJob() {
  const [form, setForm] = useState<JobForm>(newForm);
  const [base, setBase] = useState<Partial<JobCreate>>({});
  const [refusal, setRefusal] = useState<RequestError | null>(null);
  const [isSending, setSending] = useState(false);
  const [uploaded, setUploaded] = useState<readonly FileObject[]>([]);
  const models = useApi<{ data: ModelObject[] }>('/v1/models');
  const files = useApi<Page<FileObject>>('/v1/files?purpose=fine-tune&limit=100');
  const set = (change: Partial<JobForm>) => {
    setForm((old) => ({ ...old, ...change }));
    setRefusal(null);
  };

  useEffect(() => {
    const from = new URLSearchParams(location.search).get('from');
    if (from === null) return;
    const load = async () => {
      const job = await get<JobObject>(`/v1/fine_tuning/jobs/${encodeURIComponent(from)}`);
      const { lora, training, init_adapter } = job;
      // What is not asked for is left to the server, which takes no null for everything.
      setBase({ lora, training, ...(init_adapter === null ? {} : { init_adapter }) });
      setForm(formOf(job));
    };
    load().catch(setRefusal);
  }, []);
  const model = form.model || (models.data?.data[0]?.id ?? '');
  const body = bodyOf({ ...form, model }, base);
  const { plan, isOld, error } = usePlan(body);
  const known = [...uploaded, ...(files.data?.data ?? [])];
  const onUpload = (file: FileObject) => setUploaded((before) => [file, ...before]);

  const submit = () => {
    setSending(true);
    post<JobObject>('/v1/fine_tuning/jobs', body)
      .then(({ id }) => go(`/jobs/${id}`), setRefusal)
      .finally(() => setSending(false));
  };
  const isReady = plan !== null && !isOld && error === null;
  return (
    <>
      <h1>New job</h1>
      <Problem error={models.error} />
      <form
        onSubmit={(event) => {
          event.preventDefault();
          submit();
        }}
      >
        <fieldset>
          <legend>Model and data</legend>
          <label>
            Base model
            <select value={model} onChange={({ target }) => set({ model: target.value })}>
              {models.data?.data.map(({ id }) => (
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
            onUpload={onUpload}
          />
          <FileDrop
            label="Validation data, if you have some"
            help="Rows that it does not learn from: their loss tells what it understood."
            id={form.validationFile}
            known={known}
            onFile={(validationFile) => set({ validationFile })}
            onUpload={onUpload}
          />
        </fieldset>
        <JobFields form={form} set={set} plan={plan} />
        <Problem error={refusal ?? error} />
        {plan && <Plan plan={plan} isOld={isOld} />}
        {form.trainingFile === '' && (
          <p className="muted">
            With data you see here what the job comes to before it starts. A row of a conversation is{' '}
            <code>{oneLine}</code>; <code>prompt</code> with <code>completion</code>, or <code>text</code>{' '}
            alone, will do too.
          </p>
        )}
        <p>
          <button className="primary" disabled={!isReady || isSending}>
            Start the job
          </button>
        </p>
      </form>
      {form.trainingFile !== '' && (
        <Snippets
          snippets={snippetsOf(body, {
            origin: serverAddress,
            needsKey: authorization()['authorization'] !== undefined,
          })}
        />
      )}
    </>
  );
}
