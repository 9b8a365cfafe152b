/** Chooses who is asked: a base model, an adapter, a checkpoint. */
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { Button as AriaButton } from 'react-aria-components/Button';
import type { JobObject } from '#contracts/http/jobs.js';
import { adapterList } from '../../api/adapters.js';
import { checkpointList, jobList } from '../../api/jobs.js';
import { modelsQuery } from '../../api/service.js';
import { usePages } from '../../api/use-pages.js';
import { number } from '../../format.js';
import { LinkButton } from '../../ui/button.js';
import { Dialog } from '../../ui/dialog.js';
import { SearchBox } from '../../ui/field.js';
import { Skeleton } from '../../ui/layout.js';
import { Ago } from '../../ui/time.js';
import { labelOf } from '../parts/adapter-label.js';
import { Problem, ShowMore } from '../parts/common.js';
import styles from './playground.module.css';
import { baseTarget, type Target, targetOf } from './targets.js';

interface ModelPickerProps {
  readonly isOpen: boolean;
  readonly onClose: () => void;
  readonly onPick: (target: Target) => void;
}

export function ModelPicker({ isOpen, onClose, onPick }: ModelPickerProps) {
  return (
    <Dialog title="Choose a model" isOpen={isOpen} onOpenChange={(next) => !next && onClose()}>
      {(close) => (
        <Choices
          onPick={(target) => {
            onPick(target);
            close();
          }}
        />
      )}
    </Dialog>
  );
}

const pageSize = 50;

type PickProps = Pick<ModelPickerProps, 'onPick'>;

function Choices({ onPick }: PickProps) {
  const [wanted, setWanted] = useState('');
  const models = useQuery(modelsQuery);
  const adapters = usePages(adapterList(), pageSize);
  const jobs = usePages(jobList, pageSize);
  const words = wanted.trim().toLowerCase().split(/\s+/);
  const isWanted = (...texts: (string | null)[]) => {
    const all = texts.join(' ').toLowerCase();
    return words.every((word) => all.includes(word));
  };
  const bases = models.data?.filter(({ kind, id }) => kind === 'base' && isWanted(id));
  // A classifier writes nothing.
  const shown = adapters.items?.filter(
    ({ classes, name, id, model }) => classes === null && isWanted(name, id, model),
  );
  const started = jobs.items?.filter(
    ({ progress, method, suffix, id, model }) =>
      progress.step > 0 && method.type !== 'classification' && isWanted(suffix, id, model),
  );
  return (
    <div className={styles.picker}>
      <SearchBox label="Find a model" value={wanted} onChange={setWanted} />
      <Problem error={models.error ?? adapters.error ?? jobs.error} />
      {!bases && !models.error && <Skeleton of="the models" />}
      {bases && bases.length > 0 && (
        <Group name="Base models">
          {bases.map(({ id, chat }) => (
            <Choice
              key={id}
              name={id}
              detail={chat ? 'chat and text' : 'text'}
              onPick={() => onPick(baseTarget(id))}
            />
          ))}
        </Group>
      )}
      {shown && shown.length > 0 && (
        <Group name="Adapters">
          {shown.map((adapter) => (
            <Choice
              key={adapter.id}
              name={labelOf(adapter)}
              detail={
                <>
                  {adapter.model}, <Ago at={adapter.created_at} />
                </>
              }
              onPick={() => onPick(targetOf(adapter.id))}
            />
          ))}
        </Group>
      )}
      <ShowMore pages={adapters} of="adapters" />
      {started && started.length > 0 && (
        <section aria-label="Checkpoints">
          <h3>Checkpoints</h3>
          {started.map((job) => (
            <JobCheckpoints key={job.id} job={job} onPick={onPick} />
          ))}
        </section>
      )}
      <ShowMore pages={jobs} of="jobs" />
      <p className={styles.hint}>To try several adapters as one, mix them first.</p>
      <LinkButton to="/compose" isSmall>
        Mix adapters
      </LinkButton>
    </div>
  );
}

function Group({ name, children }: { readonly name: string; readonly children: React.ReactNode }) {
  return (
    <section aria-label={name}>
      <h3>{name}</h3>
      <ul className={styles.choices}>{children}</ul>
    </section>
  );
}

interface ChoiceProps {
  readonly name: string;
  readonly detail: React.ReactNode;
  readonly onPick: () => void;
}

function Choice({ name, detail, onPick }: ChoiceProps) {
  return (
    <li>
      <AriaButton className={styles.choice} onPress={onPick}>
        <span>{name}</span>
        <small>{detail}</small>
      </AriaButton>
    </li>
  );
}

function JobCheckpoints({ job, onPick }: PickProps & { readonly job: JobObject }) {
  const [isOpen, setOpen] = useState(false);
  const checkpoints = usePages(isOpen ? checkpointList(job.id) : null, pageSize);
  return (
    <details onToggle={({ currentTarget }) => setOpen(currentTarget.open)}>
      <summary>{job.suffix ?? job.id}</summary>
      <Problem error={checkpoints.error} />
      {checkpoints.items?.length === 0 && <p className={styles.hint}>This job keeps no checkpoint.</p>}
      <ul className={styles.choices}>
        {checkpoints.items?.map(({ id, step_number, metrics, best }) => (
          <Choice
            key={id}
            name={`Step ${step_number}`}
            detail={`training loss ${number(metrics.train_loss)}${best ? ', best' : ''}`}
            onPick={() => onPick(targetOf(`${job.id}.${id}`))}
          />
        ))}
      </ul>
      <ShowMore pages={checkpoints} of="checkpoints" />
    </details>
  );
}
