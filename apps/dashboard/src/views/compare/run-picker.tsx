/** Chooses another job to compare. */
import { useState } from 'react';
import { Button as AriaButton } from 'react-aria-components/Button';
import { jobList } from '../../api/jobs.js';
import { usePages } from '../../api/use-pages.js';
import { StatusBadge } from '../../ui/badge.js';
import { Button } from '../../ui/button.js';
import { Dialog, DialogActions } from '../../ui/dialog.js';
import { SearchBox } from '../../ui/field.js';
import { Skeleton } from '../../ui/layout.js';
import { nameOf } from '../jobs/job-facts.js';
import { Problem, ShowMore } from '../parts/common.js';
import styles from './compare.module.css';
import { maxRuns } from './runs.js';

const pageSize = 50;

interface RunPickerProps {
  readonly taken: readonly string[];
  readonly onClose: () => void;
  readonly onPick: (id: string) => void;
}

export function RunPicker({ taken, onClose, onPick }: RunPickerProps) {
  const [wanted, setWanted] = useState('');
  const jobs = usePages(jobList, pageSize);
  const words = wanted.trim().toLowerCase().split(/\s+/);
  const shown = jobs.items?.filter(({ id, suffix, model }) => {
    const text = `${id} ${suffix ?? ''} ${model}`.toLowerCase();
    return !taken.includes(id) && words.every((word) => text.includes(word));
  });
  return (
    <Dialog title="Add jobs" isOpen onOpenChange={onClose}>
      {(close) => (
        <div className={styles.picker}>
          <SearchBox label="Find a job" value={wanted} onChange={setWanted} />
          <Problem error={jobs.error} />
          {!shown && !jobs.error && <Skeleton of="the jobs" />}
          {shown?.length === 0 && <p>No other job{wanted === '' ? '' : ` matches “${wanted}”`}.</p>}
          <ul className={styles.choices}>
            {shown?.map((job) => (
              <li key={job.id}>
                <AriaButton
                  className={styles.choice}
                  isDisabled={taken.length >= maxRuns}
                  onPress={() => onPick(job.id)}
                >
                  <span>
                    {nameOf(job)} <small>{job.model}</small>
                  </span>
                  <StatusBadge status={job.status} />
                </AriaButton>
              </li>
            ))}
          </ul>
          <ShowMore pages={jobs} of="jobs" />
          <DialogActions>
            <Button onPress={close}>Done</Button>
          </DialogActions>
        </div>
      )}
    </Dialog>
  );
}
