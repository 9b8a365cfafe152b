/** One job in the table. */
import { useQuery } from '@tanstack/react-query';
import { Ellipsis } from 'lucide-react';
import { memo, type RefCallback, useEffect, useState } from 'react';
import { isOver } from '#client/job-reader.js';
import type { JobObject } from '#contracts/http/jobs.js';
import { lossesQuery } from '../../api/jobs.js';
import { Sparkline } from '../../charts/sparkline.js';
import { brief, number, whole } from '../../format.js';
import { Link } from '../../router.js';
import { StatusBadge } from '../../ui/badge.js';
import { IconButton } from '../../ui/button.js';
import { useClock } from '../../ui/clock.js';
import { shortId } from '../../ui/copy.js';
import { cx } from '../../ui/cx.js';
import { Progress } from '../../ui/layout.js';
import { Menu } from '../../ui/menu.js';
import { Ago } from '../../ui/time.js';
import { durationOf, methodName, stateOf, toneOf } from './job-facts.js';
import styles from './jobs.module.css';
import { useJobActions } from './use-job-actions.js';

const sparkEveryMs = 4000;
/** The curve of a job that is over is read again seldom: its last steps may have come after its end. */
const overMs = 60_000;

interface JobRowProps {
  readonly job: JobObject;
  readonly index: number;
  readonly measure: RefCallback<HTMLElement>;
  readonly isChosen: boolean;
  readonly onChoose: (id: string, isChosen: boolean) => void;
  /** Name of the training file. */
  readonly dataName: string;
}

/** Drawn anew when its job changes, and not as the list is scrolled. */
export const JobRow = memo(function JobRow(props: JobRowProps) {
  const { job, index, measure, isChosen, onChoose, dataName } = props;
  const isResting = useIsResting();
  const { data: losses = [] } = useQuery({
    ...lossesQuery(job.id),
    enabled: isResting && job.progress.step > 0,
    ...(isOver(job) ? { staleTime: overMs } : { refetchInterval: sparkEveryMs }),
  });
  const { id, suffix, model, progress } = job;
  const name = suffix ?? shortId(id);
  return (
    <tr
      ref={measure}
      data-index={index}
      aria-rowindex={index + 2}
      aria-selected={isChosen}
      data-job={id}
      className={cx(isChosen && styles.picked)}
    >
      <td className={styles.tick}>
        <input
          type="checkbox"
          className={styles.check}
          aria-label={`Select ${name}`}
          checked={isChosen}
          onChange={({ target }) => onChoose(id, target.checked)}
        />
      </td>
      <td>
        <StatusBadge status={stateOf(job)} />
      </td>
      <th scope="row" className={styles.name}>
        <Link to={`/jobs/${id}`}>{name}</Link>
        <Why job={job} />
      </th>
      <td className={styles.rest} title={model}>
        {model}
      </td>
      <td className={styles.rest} title={dataName}>
        {dataName}
      </td>
      <td className={styles.rest}>{methodName(job)}</td>
      <td className={styles.progressCell}>
        <Progress
          label={`Steps of ${name}`}
          value={progress.step}
          max={progress.total_steps ?? Math.max(1, progress.step)}
          tone={toneOf(job)}
        >
          {whole(progress.step)}
          {progress.total_steps !== null && ` of ${whole(progress.total_steps)}`} steps
        </Progress>
      </td>
      <td className={styles.lossCell}>
        <span className={styles.loss}>
          {number(progress.loss, 3)}
          {losses.length > 1 && <Sparkline points={losses} width={76} />}
        </span>
      </td>
      <td className={styles.rest}>
        <Duration job={job} />
      </td>
      <td className={styles.rest}>{progress.seconds_left === null ? '–' : brief(progress.seconds_left)}</td>
      <td className={styles.rest}>
        <Ago at={job.created_at} />
      </td>
      <td className={styles.menu}>
        <RowMenu job={job} name={name} />
      </td>
    </tr>
  );
});

const restMs = 200;

/** Whether a row has been in sight for a moment: rows that are scrolled past read no curves. */
function useIsResting(): boolean {
  const [isResting, setResting] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setResting(true), restMs);
    return () => clearTimeout(timer);
  }, []);
  return isResting;
}

function Duration({ job }: { readonly job: JobObject }) {
  return job.finished_at === null ? <RunningDuration job={job} /> : durationText(job, job.finished_at);
}

function RunningDuration({ job }: { readonly job: JobObject }) {
  return durationText(job, useClock());
}

function durationText(job: JobObject, now: number): string {
  const duration = durationOf(job, now);
  return duration === null ? '–' : brief(duration);
}

/** Why it failed or waits. */
function Why({ job: { error, waiting, position } }: { readonly job: JobObject }) {
  const text =
    error?.message ?? waiting?.message ?? (position === null ? null : `Number ${position} in the queue`);
  if (text === null) return null;
  return (
    <span className={cx(styles.why, error !== null && styles.bad)} title={text}>
      {text}
    </span>
  );
}

/** A plain button until somebody wants it: a menu in every row makes long lists slow to scroll. */
function RowMenu({ job, name }: { readonly job: JobObject; readonly name: string }) {
  const [isWanted, setWanted] = useState(false);
  if (isWanted) return <OpenedMenu job={job} name={name} />;
  return (
    <button
      type="button"
      className={styles.dots}
      aria-label={`Actions for ${name}`}
      aria-haspopup="menu"
      aria-expanded={false}
      onClick={() => setWanted(true)}
    >
      <Ellipsis size={15} strokeWidth={2} aria-hidden />
    </button>
  );
}

function OpenedMenu({ job, name }: { readonly job: JobObject; readonly name: string }) {
  const { entries, dialog } = useJobActions(job);
  return (
    <>
      <Menu label={`Actions for ${name}`} entries={entries} isOpenAtFirst>
        <IconButton isSmall icon={Ellipsis} label={`Actions for ${name}`} />
      </Menu>
      {dialog}
    </>
  );
}
