/** All jobs: found, sorted, chosen and acted on. */
import { useQuery } from '@tanstack/react-query';
import { ListChecks, Plus } from 'lucide-react';
import { useMemo, useState } from 'react';
import { trainingFilesQuery } from '../../api/files.js';
import { useAllJobs } from '../../api/use-all-jobs.js';
import { whole } from '../../format.js';
import { stateNames } from '../../ui/badge.js';
import { Button, LinkButton } from '../../ui/button.js';
import { useClock } from '../../ui/clock.js';
import { SearchBox } from '../../ui/field.js';
import { Empty, PageHead, Skeleton } from '../../ui/layout.js';
import { Select } from '../../ui/select.js';
import { Problem } from '../parts/common.js';
import longStyles from '../parts/long-table.module.css';
import { ChosenJobs } from './chosen-jobs.js';
import { JobTable } from './job-table.js';
import { everyJob, filterJobs, type JobFilter, newestFirst, sortJobs } from './sort-jobs.js';

const lookEveryMs = 3000;

const states = ['running', 'queued', 'paused', 'succeeded', 'failed', 'cancelled'] as const;
const statusChoices: readonly { id: JobFilter['status']; name: string }[] = [
  { id: 'all', name: 'Any status' },
  { id: 'unfinished', name: 'Not finished' },
  ...states.map((id) => ({ id, name: stateNames[id] })),
];

export default function Jobs() {
  const { jobs, isReading, error } = useAllJobs(lookEveryMs);
  const { data: files } = useQuery(trainingFilesQuery);
  const [filter, setFilter] = useState(everyJob);
  const [order, setOrder] = useState(newestFirst);
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const now = useClock();
  const nameOfFile = useMemo(() => {
    const names = new Map(files?.map(({ id, filename }) => [id, filename]));
    return (id: string) => names.get(id) ?? id;
  }, [files]);
  const shown = useMemo(
    () => sortJobs(filterJobs(jobs ?? [], filter, nameOfFile), order, { now, nameOfFile }),
    [jobs, filter, order, now, nameOfFile],
  );
  const bases = useMemo(() => [...new Set(jobs?.map(({ model }) => model))].toSorted(), [jobs]);
  const set = (change: Partial<JobFilter>) => setFilter((old) => ({ ...old, ...change }));
  const count =
    shown.length === jobs?.length
      ? `${whole(shown.length)} ${shown.length === 1 ? 'job' : 'jobs'}`
      : `${whole(shown.length)} of ${whole(jobs?.length ?? 0)} jobs`;
  return (
    <>
      <PageHead
        title="Jobs"
        lead="Every training run of this project."
        actions={
          <LinkButton to="/new" look="primary" icon={Plus}>
            New job
          </LinkButton>
        }
      />
      <Problem error={error} />
      {jobs === null && error === null && <Skeleton of="jobs" lines={8} />}
      {jobs?.length === 0 && <NoJobs />}
      {jobs !== null && jobs.length > 0 && (
        <>
          <div className={longStyles.tools}>
            <div className={longStyles.find}>
              <SearchBox label="Search jobs" value={filter.text} onChange={(text) => set({ text })} />
            </div>
            <div className={longStyles.pick}>
              <Select
                label="Status"
                isLabelHidden
                value={filter.status}
                options={statusChoices}
                onChange={(status) => set({ status })}
              />
            </div>
            {bases.length > 1 && (
              <div className={longStyles.pick}>
                <Select
                  label="Base model"
                  isLabelHidden
                  value={filter.base}
                  options={[{ id: '', name: 'Any base model' }, ...bases.map((id) => ({ id, name: id }))]}
                  onChange={(base) => set({ base })}
                />
              </div>
            )}
            <span className={longStyles.count} aria-live="polite">
              {count}
              {isReading && ', loading older ones…'}
            </span>
          </div>
          {shown.length === 0 ? (
            <Empty
              icon={ListChecks}
              title="No jobs match"
              actions={<Button onPress={() => setFilter(everyJob)}>Show all jobs</Button>}
            >
              Try another word or another status.
            </Empty>
          ) : (
            <JobTable
              jobs={shown}
              order={order}
              onOrder={setOrder}
              chosen={chosen}
              onChoose={setChosen}
              nameOfFile={nameOfFile}
            />
          )}
          <ChosenJobs jobs={jobs.filter(({ id }) => chosen.has(id))} onClear={() => setChosen(new Set())} />
        </>
      )}
    </>
  );
}

function NoJobs() {
  return (
    <Empty
      icon={ListChecks}
      title="No jobs yet"
      actions={
        <LinkButton to="/new" look="primary" icon={Plus}>
          New job
        </LinkButton>
      }
    >
      A job trains an adapter on your data: pick a base model and a file of examples, and follow the training
      here. The home page starts one on sample data with one click.
    </Empty>
  );
}
