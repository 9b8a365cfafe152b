/** Jobs as a table. */
import { type Dispatch, type SetStateAction, useCallback } from 'react';
import type { JobObject } from '#contracts/http/jobs.js';
import { type Head, LongTable } from '../parts/long-table.js';
import { JobRow } from './job-row.js';
import styles from './jobs.module.css';
import type { Column, JobOrder, NameOfFile } from './sort-jobs.js';

const heads: readonly Head<Column>[] = [
  { column: 'status', name: 'Status', width: 120 },
  { column: 'name', name: 'Name' },
  { column: 'base', name: 'Base', width: 100 },
  { column: 'data', name: 'Data', width: 104 },
  { column: 'method', name: 'Method', width: 98 },
  { column: 'progress', name: 'Progress', width: 114 },
  { column: 'loss', name: 'Loss', width: 134 },
  { column: 'duration', name: 'Duration', width: 86 },
  { column: 'left', name: 'Time left', width: 80 },
  { column: 'started', name: 'Created', width: 88 },
];

interface JobTableProps {
  readonly jobs: readonly JobObject[];
  readonly order: JobOrder;
  readonly onOrder: (order: JobOrder) => void;
  readonly chosen: ReadonlySet<string>;
  readonly onChoose: Dispatch<SetStateAction<ReadonlySet<string>>>;
  readonly nameOfFile: NameOfFile;
}

export function JobTable({ jobs, order, onOrder, chosen, onChoose, nameOfFile }: JobTableProps) {
  const areAll = jobs.length > 0 && jobs.every(({ id }) => chosen.has(id));
  const choose = useCallback(
    (id: string, isChosen: boolean) =>
      onChoose((old) => {
        const next = new Set(old);
        if (isChosen) next.add(id);
        else next.delete(id);
        return next;
      }),
    [onChoose],
  );
  return (
    <LongTable
      rows={jobs}
      heads={heads}
      downFirst="started"
      order={order}
      onOrder={onOrder}
      className={styles.frame}
      before={
        <th scope="col" style={{ width: 36 }}>
          <input
            type="checkbox"
            className={styles.check}
            aria-label="Select all shown jobs"
            checked={areAll}
            onChange={() => onChoose(areAll ? new Set() : new Set(jobs.map(({ id }) => id)))}
          />
        </th>
      }
      after={
        <th scope="col" style={{ width: 44 }}>
          <span className="for-readers">Actions</span>
        </th>
      }
    >
      {(job, index, measure) => (
        <JobRow
          key={job.id}
          job={job}
          index={index}
          measure={measure}
          isChosen={chosen.has(job.id)}
          onChoose={choose}
          dataName={nameOfFile(job.training_file)}
        />
      )}
    </LongTable>
  );
}
