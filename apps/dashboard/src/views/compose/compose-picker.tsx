/** Chooses members: adapters, and checkpoints of jobs, of one base model. */
import { useState } from 'react';
import type { JobObject } from '#contracts/http/jobs.js';
import { adapterList } from '../../api/adapters.js';
import { checkpointList, jobList } from '../../api/jobs.js';
import { type Pages, usePages } from '../../api/use-pages.js';
import { number, time } from '../../format.js';
import { Link } from '../../router.js';
import { Button } from '../../ui/button.js';
import { SearchBox } from '../../ui/field.js';
import { Problem, ShowMore } from '../parts/common.js';
import styles from './compose.module.css';
import { type Member, maxMembers } from './compose-recipe.js';
import { labelOf } from '../parts/adapter-label.js';

interface PickerProps {
  readonly members: readonly Member[];
  /** The base model of the members; null while there are none. */
  readonly model: string | null;
  readonly onAdd: (member: Member) => void;
}

export function ComposePicker({ members, model, onAdd }: PickerProps) {
  const [wanted, setWanted] = useState('');
  const adapters = usePages(adapterList(model ?? undefined), 50);
  const jobs = usePages(jobList, 50);
  const isTaken = (id: string) => members.some((member) => member.id === id);
  const isWanted = (...texts: (string | null)[]) =>
    texts.some((text) => text?.toLowerCase().includes(wanted.trim().toLowerCase()));
  if (members.length >= maxMembers)
    return <p className={styles.hint}>{maxMembers} members are the limit. Remove one to add another.</p>;
  return (
    <div className={styles.picker}>
      {model !== null && (
        <p className={styles.hint}>
          Only adapters of <b>{model}</b> are offered, since an adapter fits its own base model alone. Remove
          all members to choose another one.
        </p>
      )}
      <SearchBox label="Find by name or id" value={wanted} onChange={setWanted} />
      <Problem error={adapters.error ?? jobs.error} />
      {adapters.items?.length === 0 && <NoAdapters model={model} />}
      <ul className={styles.choices}>
        {adapters.items
          ?.filter((adapter) => isWanted(adapter.name, adapter.id))
          .map((adapter) => (
            <Choice
              key={adapter.id}
              name={labelOf(adapter)}
              about={`${adapter.model}, ${time(adapter.created_at)}`}
              isTaken={isTaken(adapter.id)}
              onAdd={() => onAdd({ id: adapter.id, job: null, weight: 1 })}
            />
          ))}
      </ul>
      <ShowMore pages={adapters} of="adapters" />
      <JobCheckpoints
        jobs={jobs}
        isWanted={(job) =>
          (model === null || job.model === model) && job.progress.step > 0 && isWanted(job.suffix, job.id)
        }
        isTaken={isTaken}
        onAdd={onAdd}
      />
    </div>
  );
}

interface ChoiceProps {
  readonly name: string;
  readonly about: string;
  readonly isTaken: boolean;
  readonly onAdd: () => void;
}

function Choice({ name, about, isTaken, onAdd }: ChoiceProps) {
  return (
    <li>
      <span>
        {name} <small>{about}</small>
      </span>
      {/* It keeps the focus, which a disabled button would lose. */}
      <Button isSmall aria-disabled={isTaken} aria-label={`Add ${name}`} onPress={() => !isTaken && onAdd()}>
        {isTaken ? 'Added' : 'Add'}
      </Button>
    </li>
  );
}

function NoAdapters({ model }: { readonly model: string | null }) {
  return (
    <p className={styles.hint}>
      No adapters {model === null ? 'yet' : `of ${model}`}. <Link to="/new">Train one</Link>: a job that
      succeeds leaves an adapter, and checkpoints of running jobs can be members too.
    </p>
  );
}

interface JobCheckpointsProps {
  readonly jobs: Pages<JobObject>;
  readonly isWanted: (job: JobObject) => boolean;
  readonly isTaken: (id: string) => boolean;
  readonly onAdd: (member: Member) => void;
}

function JobCheckpoints({ jobs, isWanted, isTaken, onAdd }: JobCheckpointsProps) {
  const shown = jobs.items?.filter(isWanted) ?? [];
  if (shown.length === 0 && !jobs.hasMore) return null;
  return (
    <details>
      <summary>Checkpoints of jobs</summary>
      <ul className={styles.plain}>
        {shown.map((job) => (
          <OneJob key={job.id} job={job} isTaken={isTaken} onAdd={onAdd} />
        ))}
      </ul>
      <ShowMore pages={jobs} of="jobs" />
    </details>
  );
}

interface OneJobProps {
  readonly job: JobObject;
  readonly isTaken: (id: string) => boolean;
  readonly onAdd: (member: Member) => void;
}

function OneJob({ job, isTaken, onAdd }: OneJobProps) {
  const [isOpen, setOpen] = useState(false);
  const checkpoints = usePages(isOpen ? checkpointList(job.id) : null, 50);
  const name = job.suffix ?? job.id;
  return (
    <li>
      <details onToggle={({ currentTarget }) => setOpen(currentTarget.open)}>
        <summary>
          {name} <small>{`${job.model}, ${job.status}`}</small>
        </summary>
        <Problem error={checkpoints.error} />
        {checkpoints.items?.length === 0 && <p className={styles.hint}>This job has no checkpoints.</p>}
        <ul className={styles.choices}>
          {checkpoints.items?.map(({ id, step_number, metrics, best }) => (
            <Choice
              key={id}
              name={`${name}, step ${step_number}`}
              about={`training loss ${number(metrics.train_loss)}${best ? ', best so far' : ''}`}
              isTaken={isTaken(id)}
              onAdd={() => onAdd({ id, job: job.id, weight: 1 })}
            />
          ))}
        </ul>
        <ShowMore pages={checkpoints} of="checkpoints" />
      </details>
    </li>
  );
}
