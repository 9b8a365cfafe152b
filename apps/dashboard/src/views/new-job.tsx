/** A new job: data, settings, and what it would come to. */
import { useEffect, useState } from 'react';
import type { JobCreate } from '#contracts/http/job-create.js';
import type { JobObject } from '#contracts/http/jobs.js';
import type { ModelObject } from '#contracts/http/models.js';
import type { PlanObject } from '#contracts/http/plans.js';
import { get, post, type RequestError } from '../api/http.js';
import { useApi } from '../api/use-api.js';
import { go } from '../router.js';
import { Problem } from './common.js';
import { FileDrop } from './file-drop.js';
import { bodyOf, formOf, type JobForm, newForm } from './job-form.js';
import { Plan } from './plan.js';

const planAfterMs = 400;
const numbers = [
  ['r', 'Rank', 'how much the adapter can learn, and its size'],
  ['alpha', 'Alpha', 'how strongly it acts; twice the rank is usual'],
  ['dropout', 'Dropout', 'against learning by heart, 0 to 0.5'],
  ['epochs', 'Epochs', 'passes over the data; empty lets the program choose'],
  ['steps', 'Steps', 'instead of epochs'],
  ['rate', 'Learning rate', 'empty lets the program choose'],
] as const;

export default function NewJob() {
  const [form, setForm] = useState<JobForm>(newForm);
  const [base, setBase] = useState<Partial<JobCreate>>({});
  const [plan, setPlan] = useState<PlanObject | null>(null);
  const [error, setError] = useState<RequestError | null>(null);
  const [isSending, setSending] = useState(false);
  const models = useApi<{ data: ModelObject[] }>('/v1/models');
  const set = (change: Partial<JobForm>) => setForm((old) => ({ ...old, ...change }));

  useEffect(() => {
    const from = new URLSearchParams(location.search).get('from');
    if (from === null) return;
    const load = async () => {
      const job = await get<JobObject>(`/v1/fine_tuning/jobs/${encodeURIComponent(from)}`);
      const { model, training_file, validation_file, lora, training, seed, device, init_adapter } = job;
      setBase({ lora, training, seed, device, init_adapter } as Partial<JobCreate>);
      setForm(formOf({ model, training_file, validation_file, lora, training }));
    };
    load().catch(setError);
  }, []);
  const model = form.model || (models.data?.data[0]?.id ?? '');
  const body = bodyOf({ ...form, model }, base);
  const text = JSON.stringify(body, null, 2);
  useEffect(() => {
    if (form.trainingFile === '' || model === '') return;
    const stopping = new AbortController();
    const ask = async () => {
      try {
        setPlan(
          await post<PlanObject>('/v1/fine_tuning/plan', JSON.parse(text), { signal: stopping.signal }),
        );
        setError(null);
      } catch (failure) {
        if (stopping.signal.aborted) return;
        setPlan(null);
        setError(failure as RequestError);
      }
    };
    const timer = setTimeout(() => void ask(), planAfterMs);
    return () => {
      clearTimeout(timer);
      stopping.abort();
    };
  }, [text, model, form.trainingFile]);

  const submit = () => {
    setSending(true);
    post<JobObject>('/v1/fine_tuning/jobs', body)
      .then(({ id }) => go(`/jobs/${id}`), setError)
      .finally(() => setSending(false));
  };
  return (
    <>
      <h1>New job</h1>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          submit();
        }}
      >
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
          id={form.trainingFile}
          onFile={(trainingFile) => set({ trainingFile })}
        />
        <FileDrop
          label="Validation data (optional)"
          id={form.validationFile}
          onFile={(validationFile) => set({ validationFile })}
        />
        <div className="fields">
          {numbers.map(([name, label, help]) => (
            <label key={name}>
              {label}
              <input
                inputMode="decimal"
                value={form[name]}
                onChange={({ target }) => set({ [name]: target.value })}
              />
              <small>{help}</small>
            </label>
          ))}
          <label>
            Target modules
            <input value={form.targets} onChange={({ target }) => set({ targets: target.value })} />
            <small>names with commas between them, or all-linear</small>
          </label>
          <label>
            Sample prompt
            <input value={form.prompt} onChange={({ target }) => set({ prompt: target.value })} />
            <small>answered now and then while it learns</small>
          </label>
          <label>
            Name
            <input value={form.suffix} onChange={({ target }) => set({ suffix: target.value })} />
            <small>part of the adapter's name; may be empty</small>
          </label>
        </div>
        <Problem error={error} />
        {plan && <Plan plan={plan} />}
        <button
          className="primary"
          disabled={!plan || form.trainingFile === '' || error !== null || isSending}
        >
          Start the job
        </button>
      </form>
      <details>
        <summary>The same job for curl</summary>
        <pre
          tabIndex={0}
        >{`curl ${location.origin}/v1/fine_tuning/jobs -H 'content-type: application/json' -d @- <<'END'\n${text}\nEND`}</pre>
      </details>
    </>
  );
}
