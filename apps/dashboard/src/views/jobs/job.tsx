/** One job, live. */
import { useState } from 'react';
import type { JobObject } from '#contracts/http/jobs.js';
import type { Page } from '#contracts/http/pages.js';
import type { CheckpointObject } from '#contracts/http/streams.js';
import { post, type RequestError } from '../../api/http.js';
import { isOver } from '../../api/job-feed.js';
import { useApi, useJob } from '../../api/use-api.js';
import { bytes, clock, number, whole } from '../../format.js';
import { Link } from '../../router.js';
import { Facts, Problem, Progress, Status, Waiting } from '../parts/common.js';
import { Download } from '../parts/download.js';
import { JobCharts } from './job-charts.js';
import { SampleAnswers } from './sample-answers.js';

export default function Job({ id }: { readonly id: string }) {
  const { job, events, samples, curves, reading, connection, error, show } = useJob(id);
  const saved = events.filter(({ code }) => code.startsWith('checkpoint.')).length;
  const checkpoints = useApi<Page<CheckpointObject>>(
    job ? `/v1/fine_tuning/jobs/${id}/checkpoints?limit=50` : null,
  );
  const [seen, setSeen] = useState({ saved, status: job?.status });
  if (seen.saved !== saved || seen.status !== job?.status) {
    setSeen({ saved, status: job?.status });
    checkpoints.reload();
  }
  if (!job) return error ? <Problem error={error} /> : <p className="muted">Reading the job…</p>;
  return (
    <>
      <div className="head">
        <h1>{job.suffix ?? job.id}</h1>
        <Actions job={job} onChange={show} />
      </div>
      <p className="line" aria-live="polite">
        <Status job={job} /> <Progress job={job} />
        {connection === 'waiting' && <span className="muted">connection lost, trying again…</span>}
      </p>
      {job.waiting && (
        <p>
          <Waiting job={job} />
        </p>
      )}
      {job.error && (
        <p role="alert" className="problem">
          {job.error.message}
        </p>
      )}
      {job.adapter && (
        <p>
          Its adapter: <Link to={`/adapters/${job.adapter}`}>{job.fine_tuned_model}</Link>
        </p>
      )}
      <JobCharts key={id} curves={curves} reading={reading} name={id} />
      <SampleAnswers taken={samples} />
      <Configuration job={job} />
      <Checkpoints job={id} list={checkpoints.data?.data ?? []} />
      <section>
        <h2>Events</h2>
        <ol className="events" tabIndex={0} aria-label="Events, newest first">
          {events.toReversed().map(({ seq, created_at, level, message }) => (
            <li key={seq} className={level}>
              <time>{clock(created_at)}</time> {message}
            </li>
          ))}
        </ol>
      </section>
    </>
  );
}

function Actions({
  job,
  onChange,
}: {
  readonly job: JobObject;
  readonly onChange: (job: JobObject) => void;
}) {
  const [error, setError] = useState<RequestError | null>(null);
  const act = (verb: string) => () => {
    setError(null);
    post<JobObject>(`/v1/fine_tuning/jobs/${job.id}/${verb}`).then(onChange, setError);
  };
  const canStop = !isOver(job) && !job.cancel_requested;
  return (
    <div className="actions">
      {canStop && job.status !== 'paused' && !job.pause_requested && (
        <button onClick={act('pause')}>Pause</button>
      )}
      {job.status === 'paused' && <button onClick={act('resume')}>Resume</button>}
      {canStop && <button onClick={act('cancel')}>Cancel</button>}
      <Link to={`/new?from=${job.id}`} className="button">
        Clone and edit
      </Link>
      <Problem error={error} />
    </div>
  );
}

function Configuration({ job }: { readonly job: JobObject }) {
  const modules = (job.plan?.['modules'] ?? []) as { path: string; r: number; scale: number }[];
  const choices = (job.choices ?? []) as { option: string; value: unknown; reason: string }[];
  const parameters = job.plan?.['trainable_parameters'];
  return (
    <section>
      <h2>Configuration</h2>
      <Facts
        facts={[
          ['Id', <code key="id">{job.id}</code>],
          ['Base model', job.model],
          ['Training file', job.training_file],
          ['Validation file', job.validation_file ?? 'none'],
          ['Seed', job.seed],
          ['Device', job.device],
          ['Tries', job.attempt],
          ['Trained parameters', typeof parameters === 'number' ? whole(parameters) : '–'],
        ]}
      />
      <details>
        <summary>{modules.length} modules with an adapter</summary>
        <ul className="modules">
          {modules.map(({ path, r, scale }) => (
            <li key={path}>
              <code>{path}</code> rank {r}, scale {number(scale)}
            </li>
          ))}
        </ul>
      </details>
      <details>
        <summary>What was asked, and what was chosen</summary>
        <pre tabIndex={0}>{JSON.stringify({ lora: job.lora, training: job.training }, null, 2)}</pre>
        <ul>
          {choices.map(({ option, value, reason }) => (
            <li key={option}>
              <code>{option}</code> {String(value)}: {reason}
            </li>
          ))}
        </ul>
      </details>
    </section>
  );
}

function Checkpoints({ job, list }: { readonly job: string; readonly list: readonly CheckpointObject[] }) {
  return (
    <section>
      <h2>Checkpoints</h2>
      {list.length === 0 && (
        <p className="muted">None yet. The run goes on from the newest one if it is cut off.</p>
      )}
      {list.length > 0 && (
        <div className="table">
          <table>
            <thead>
              <tr>
                <th scope="col">Step</th>
                <th scope="col">Training loss</th>
                <th scope="col">Validation loss</th>
                <th scope="col">Size</th>
                <th scope="col">Saved at</th>
                <th scope="col">Adapter</th>
              </tr>
            </thead>
            <tbody>
              {list.map(({ id, step_number, metrics, best, bytes: size, created_at }) => (
                <tr key={id}>
                  <td>{whole(step_number)}</td>
                  <td>{number(metrics.train_loss)}</td>
                  <td>
                    {number(metrics.full_valid_loss ?? metrics.valid_loss)}
                    {best && <b> best</b>}
                  </td>
                  <td>{bytes(size)}</td>
                  <td>{clock(created_at)}</td>
                  <td>
                    <Download
                      path={`/v1/fine_tuning/jobs/${job}/checkpoints/${id}/archive`}
                      name={`${id}.tar`}
                      text="download"
                      label={`Download the adapter of step ${step_number}`}
                    />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}
