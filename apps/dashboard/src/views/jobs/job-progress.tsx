/** How far a job is, in one bar and a few numbers. */
import { isOver } from '#client/job-reader.js';
import type { JobObject } from '#contracts/http/jobs.js';
import { brief, number, short, time, whole } from '../../format.js';
import { useClock } from '../../ui/clock.js';
import { Card, type Fact, Progress } from '../../ui/layout.js';
import { durationOf, nameOf, toneOf } from './job-facts.js';
import styles from './job.module.css';

export function JobProgress({ job }: { readonly job: JobObject }) {
  const { progress, position, estimated_finish: finish, trained_tokens: tokens } = job;
  const { step, total_steps: total, loss, tokens_per_second: speed, seconds_left: left } = progress;
  const duration = durationOf(job, useClock());
  const facts: Fact[] = [
    ['Step', total === null ? whole(step) : `${whole(step)} of ${whole(total)}`],
    ['Training loss', number(loss)],
    ['Duration', duration === null ? '–' : brief(duration)],
  ];
  if (job.status === 'running') {
    facts.push(['Time left', left === null ? 'not known yet' : brief(left)]);
    facts.push(['Tokens per second', speed === null ? '–' : short(Math.round(speed))]);
  }
  if (position !== null) facts.push(['Place in the queue', position]);
  if (isOver(job) && tokens !== null) facts.push(['Tokens trained on', short(tokens)]);
  return (
    <Card className={styles.status}>
      <Progress
        label={`Steps of ${nameOf(job)}`}
        value={step}
        max={total ?? Math.max(1, step)}
        tone={toneOf(job)}
      >
        {finish !== null && `Expected to finish at ${time(finish)}`}
      </Progress>
      <dl className={styles.numbers}>
        {facts.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </Card>
  );
}
