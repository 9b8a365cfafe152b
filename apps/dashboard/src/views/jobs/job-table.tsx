/** Jobs as a table whose rows are drawn as they come into sight. */
import { useWindowVirtualizer } from '@tanstack/react-virtual';
import { ArrowDown, ArrowUp } from 'lucide-react';
import { useLayoutEffect, useRef, useState } from 'react';
import type { JobObject } from '#contracts/http/jobs.js';
import { cx } from '../../ui/cx.js';
import tableStyles from '../../ui/table.module.css';
import { JobRow } from './job-row.js';
import styles from './jobs.module.css';
import type { Column, JobOrder, NameOfFile } from './sort-jobs.js';

const rowHeight = 62;
const drawnBeyond = 12;

interface Head {
  readonly column: Column;
  readonly name: string;
  /** Pixels; the rest goes to the name. */
  readonly width?: number;
}

const heads: readonly Head[] = [
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
  readonly onChoose: (chosen: ReadonlySet<string>) => void;
  readonly nameOfFile: NameOfFile;
}

export function JobTable({ jobs, order, onOrder, chosen, onChoose, nameOfFile }: JobTableProps) {
  const body = useRef<HTMLTableSectionElement>(null);
  const [top, setTop] = useState(0);
  useLayoutEffect(() => {
    setTop((body.current?.getBoundingClientRect().top ?? 0) + scrollY);
  }, []);
  // What it returns changes as the window scrolls, and is used in this component alone.
  // oxlint-disable-next-line react/incompatible-library
  const rows = useWindowVirtualizer({
    count: jobs.length,
    estimateSize: () => rowHeight,
    overscan: drawnBeyond,
    scrollMargin: top,
    getItemKey: (i) => jobs[i]!.id,
  });
  const drawn = rows.getVirtualItems();
  const before = drawn.length === 0 ? 0 : drawn[0]!.start - top;
  const after = drawn.length === 0 ? 0 : rows.getTotalSize() - (drawn.at(-1)!.end - top);
  const areAll = jobs.length > 0 && jobs.every(({ id }) => chosen.has(id));
  const choose = (id: string, isChosen: boolean) => {
    const next = new Set(chosen);
    if (isChosen) next.add(id);
    else next.delete(id);
    onChoose(next);
  };
  return (
    <div className={cx(tableStyles.frame, styles.frame)}>
      <table className={cx(tableStyles.table, styles.table)} aria-rowcount={jobs.length + 1}>
        <thead>
          <tr aria-rowindex={1}>
            <th scope="col" style={{ width: 36 }}>
              <input
                type="checkbox"
                className={styles.check}
                aria-label="Select all shown jobs"
                checked={areAll}
                onChange={() => onChoose(areAll ? new Set() : new Set(jobs.map(({ id }) => id)))}
              />
            </th>
            {heads.map((head) => (
              <SortHead key={head.column} head={head} order={order} onOrder={onOrder} />
            ))}
            <th scope="col" style={{ width: 44 }}>
              <span className="for-readers">Actions</span>
            </th>
          </tr>
        </thead>
        <tbody ref={body}>
          <Pad height={before} />
          {drawn.map(({ index }) => {
            const job = jobs[index]!;
            return (
              <JobRow
                key={job.id}
                job={job}
                index={index}
                measure={rows.measureElement}
                isChosen={chosen.has(job.id)}
                onChoose={choose}
                dataName={nameOfFile(job.training_file)}
              />
            );
          })}
          <Pad height={after} />
        </tbody>
      </table>
    </div>
  );
}

/** The room of rows that are out of sight. */
function Pad({ height }: { readonly height: number }) {
  if (height <= 0) return null;
  return (
    <tr className={styles.pad} aria-hidden>
      <td colSpan={heads.length + 2} style={{ height }}>
        {' '}
      </td>
    </tr>
  );
}

interface SortHeadProps {
  readonly head: Head;
  readonly order: JobOrder;
  readonly onOrder: (order: JobOrder) => void;
}

function SortHead({ head: { column, name, width }, order, onOrder }: SortHeadProps) {
  const isSorted = order.column === column;
  const Icon = order.isDown ? ArrowDown : ArrowUp;
  return (
    <th
      scope="col"
      style={{ width }}
      aria-sort={isSorted ? (order.isDown ? 'descending' : 'ascending') : undefined}
    >
      <button
        type="button"
        data-rac=""
        className={tableStyles.sort}
        onClick={() => onOrder({ column, isDown: isSorted ? !order.isDown : column === 'started' })}
      >
        {name}
        {isSorted && <Icon size={12} aria-hidden />}
      </button>
    </th>
  );
}
