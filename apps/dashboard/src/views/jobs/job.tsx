/** One job, live. */
import { isOver } from '#client/job-reader.js';
import type { JobObject } from '#contracts/http/jobs.js';
import { layersText } from '#training/layers-text.js';
import type { JobAction } from '../../api/job-feed.js';
import { checkpointList } from '../../api/jobs.js';
import { useJob } from '../../api/use-job.js';
import { usePages } from '../../api/use-pages.js';
import { bytes, clock, number, whole } from '../../format.js';
import { Link } from '../../router.js';
import { Facts, Problem, Progress, ShowMore, Status, Waiting } from '../parts/common.js';
import { Download } from '../parts/download.js';
import { ConfusionMatrix } from './confusion-matrix.js';
import { JobCharts } from './job-charts.js';
import { SampleAnswers } from './sample-answers.js';

export default function Job({ id }: { readonly id: string }) {
  const { job, events, samples, evaluation, curves, reading, connection, error, act, refusal } = useJob(id);
  if (!job) return error ? <Problem error={error} /> : <p className="muted">Reading the job…</p>;
  return (
    <>
      <div className="head">
        <h1>{job.suffix ?? job.id}</h1>
        <Actions job={job} onAct={act} refusal={refusal} />
      </div>
      <p className="line" aria-live="polite">
        <Status job={job} /> <Progress job={job} />
        {connection === 'lost' && <span className="muted">connection lost, trying again…</span>}
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
      <JobCharts key={id} curves={curves} reading={reading} name={id} method={job.method.type} />
      <ConfusionMatrix evaluation={evaluation} />
      <SampleAnswers taken={samples} />
      <Configuration job={job} />
      <Checkpoints job={id} />
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

interface ActionsProps {
  readonly job: JobObject;
  readonly onAct: (action: JobAction) => void;
  readonly refusal: Error | null;
}

function Actions({ job, onAct, refusal }: ActionsProps) {
  const canStop = !isOver(job) && !job.cancel_requested;
  return (
    <div className="actions">
      {canStop && job.status !== 'paused' && !job.pause_requested && (
        <button onClick={() => onAct('pause')}>Pause</button>
      )}
      {job.status === 'paused' && <button onClick={() => onAct('resume')}>Resume</button>}
      {canStop && <button onClick={() => onAct('cancel')}>Cancel</button>}
      <Link to={`/new?from=${job.id}`} className="button">
        Clone and edit
      </Link>
      <Problem error={refusal} />
    </div>
  );
}

function Configuration({ job }: { readonly job: JobObject }) {
  const { modules = [], whole_weights: weights = [] } = job.plan ?? {};
  const choices = job.choices ?? [];
  const parameters = job.plan?.trainable_parameters;
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
          ['Trained parameters', parameters === undefined ? '–' : whole(parameters)],
        ]}
      />
      <details>
        <summary>{layersText({ modules, whole_weights: weights })} trained</summary>
        <ul className="modules">
          {modules.map(({ path, r, scale }) => (
            <li key={path}>
              <code>{path}</code> rank {r}, scale {number(scale)}
            </li>
          ))}
          {weights.map(({ name, shape }) => (
            <li key={name}>
              <code>{name}</code> {shape.join(' × ')}, as it is
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

const checkpointsAtOnce = 50;

function Checkpoints({ job }: { readonly job: string }) {
  const pages = usePages(checkpointList(job), checkpointsAtOnce);
  const list = pages.items ?? [];
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
      <Problem error={pages.error} />
      <ShowMore pages={pages} of="checkpoints" />
    </section>
  );
}
