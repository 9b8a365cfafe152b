/** A job that runs, with its curve. */
import { useQuery } from '@tanstack/react-query';
import type { JobObject } from '#contracts/http/jobs.js';
import { lossesQuery } from '../../api/jobs.js';
import { Sparkline } from '../../charts/sparkline.js';
import { brief, number } from '../../format.js';
import { Link } from '../../router.js';
import { methodName, nameOf } from '../jobs/job-facts.js';
import { Progress } from '../parts/common.js';
import styles from './home.module.css';

const lookEveryMs = 3000;

export function RunningJob({ job }: { readonly job: JobObject }) {
  const { data: losses = [] } = useQuery({ ...lossesQuery(job.id), refetchInterval: lookEveryMs });
  const { loss, seconds_left: left } = job.progress;
  return (
    <article className={styles.run}>
      <div className={styles.runHead}>
        <h3>
          <Link to={`/jobs/${job.id}`}>{nameOf(job)}</Link>
        </h3>
        <b>{left === null ? '' : `${brief(left)} left`}</b>
      </div>
      <p className={styles.sub}>
        {methodName(job)} on {job.model}
        {loss !== null && `, loss ${number(loss, 3)}`}
      </p>
      <div className={styles.curve}>
        {losses.length > 1 && <Sparkline points={losses} width={420} height={84} isStretched />}
      </div>
      <Progress job={job} />
    </article>
  );
}
