/** The list of jobs. */
import type { JobObject } from '#contracts/http/jobs.js';
import type { Page } from '#contracts/http/pages.js';
import type { MetricObject } from '#contracts/http/streams.js';
import { isOver } from '../api/job-feed.js';
import { useApi } from '../api/use-api.js';
import { Sparkline } from '../charts/sparkline.js';
import { time } from '../format.js';
import { Link } from '../router.js';
import { Problem, Progress, Status } from './common.js';

const sparkPoints = 200;

export default function Jobs() {
  const { data, error } = useApi<Page<JobObject>>('/v1/fine_tuning/jobs?limit=50', 3000);
  return (
    <>
      <div className="head">
        <h1>Jobs</h1>
        <Link to="/new" className="button primary">
          New job
        </Link>
      </div>
      <Problem error={error} />
      {data?.data.length === 0 && <NoJobs />}
      {data && data.data.length > 0 && (
        <ul className="rows">
          {data.data.map((job) => (
            <JobRow key={job.id} job={job} />
          ))}
        </ul>
      )}
      {!data && !error && <p className="muted">Reading the jobs…</p>}
    </>
  );
}

function JobRow({ job }: { readonly job: JobObject }) {
  const address = `/v1/fine_tuning/jobs/${job.id}/metrics?kind=step&order=desc&limit=${sparkPoints}`;
  const { data } = useApi<Page<MetricObject>>(address, isOver(job) ? 0 : 4000);
  const losses = (data?.data ?? []).map(({ values }) => values['loss'] as number).reverse();
  return (
    <li className="row">
      <div>
        <Link to={`/jobs/${job.id}`}>{job.suffix ?? job.id}</Link>
        <div className="muted">
          {job.model}, {time(job.created_at)}
        </div>
      </div>
      <Status job={job} />
      <Progress job={job} />
      <Sparkline points={losses} />
    </li>
  );
}

function NoJobs() {
  return (
    <section className="empty">
      <h2>No job yet</h2>
      <p>
        A job teaches a base model from a file of examples, one JSON object a line, and gives an adapter of a
        few megabytes. <Link to="/new">Make the first one</Link>, or use a terminal:
      </p>
      <pre tabIndex={0}>npx lowrank train --model prose-4m --data examples/quickstart/train.jsonl</pre>
    </section>
  );
}
