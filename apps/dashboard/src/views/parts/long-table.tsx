/** A table of any length, sorted by its heads, whose rows are drawn as they come into sight. */
import { useWindowVirtualizer } from '@tanstack/react-virtual';
import { ArrowDown, ArrowUp } from 'lucide-react';
import { type ReactNode, type RefCallback, useLayoutEffect, useRef, useState } from 'react';
import { cx } from '../../ui/cx.js';
import tableStyles from '../../ui/table.module.css';
import styles from './long-table.module.css';

const rowHeight = 62;
const drawnBeyond = 12;

export interface Order<Column extends string> {
  readonly column: Column;
  readonly isDown: boolean;
}

export interface Head<Column extends string> {
  readonly column: Column;
  readonly name: string;
  /** Pixels; a column without a width shares what is left. */
  readonly width?: number;
}

interface LongTableProps<Row extends { readonly id: string }, Column extends string> {
  readonly rows: readonly Row[];
  readonly heads: readonly Head<Column>[];
  /** Cells before and after the heads. */
  readonly before?: ReactNode;
  readonly after?: ReactNode;
  /** Columns that start with the largest when they are chosen. */
  readonly downFirst: Column;
  readonly order: Order<Column>;
  readonly onOrder: (order: Order<Column>) => void;
  readonly className?: string | undefined;
  /** A `tr` with `data-index` and `ref={measure}`. */
  readonly children: (row: Row, index: number, measure: RefCallback<HTMLElement>) => ReactNode;
}

export function LongTable<Row extends { readonly id: string }, Column extends string>({
  rows,
  heads,
  before,
  after,
  downFirst,
  order,
  onOrder,
  className,
  children,
}: LongTableProps<Row, Column>) {
  const body = useRef<HTMLTableSectionElement>(null);
  const [top, setTop] = useState(0);
  useLayoutEffect(() => {
    setTop((body.current?.getBoundingClientRect().top ?? 0) + scrollY);
  }, []);
  // What it returns changes as the window scrolls, and is used in this component alone.
  // oxlint-disable-next-line react/incompatible-library
  const window = useWindowVirtualizer({
    count: rows.length,
    estimateSize: () => rowHeight,
    overscan: drawnBeyond,
    scrollMargin: top,
    getItemKey: (i) => rows[i]!.id,
  });
  const drawn = window.getVirtualItems();
  const above = drawn.length === 0 ? 0 : drawn[0]!.start - top;
  const below = drawn.length === 0 ? 0 : window.getTotalSize() - (drawn.at(-1)!.end - top);
  const columns = heads.length + Number(before !== undefined) + Number(after !== undefined);
  return (
    <div className={cx(tableStyles.frame, styles.frame, className)}>
      <table className={cx(tableStyles.table, styles.table)} aria-rowcount={rows.length + 1}>
        <thead>
          <tr aria-rowindex={1}>
            {before}
            {heads.map(({ column, name, width }) => {
              const isSorted = order.column === column;
              const Icon = order.isDown ? ArrowDown : ArrowUp;
              return (
                <th
                  key={column}
                  scope="col"
                  style={{ width }}
                  aria-sort={isSorted ? (order.isDown ? 'descending' : 'ascending') : undefined}
                >
                  <button
                    type="button"
                    className={tableStyles.sort}
                    onClick={() =>
                      onOrder({ column, isDown: isSorted ? !order.isDown : column === downFirst })
                    }
                  >
                    {name}
                    {isSorted && <Icon size={12} aria-hidden />}
                  </button>
                </th>
              );
            })}
            {after}
          </tr>
        </thead>
        <tbody ref={body}>
          <Pad height={above} columns={columns} />
          {drawn.map(({ index }) => children(rows[index]!, index, window.measureElement))}
          <Pad height={below} columns={columns} />
        </tbody>
      </table>
    </div>
  );
}

/** The room of rows that are out of sight. */
function Pad({ height, columns }: { readonly height: number; readonly columns: number }) {
  if (height <= 0) return null;
  return (
    <tr className={styles.pad} aria-hidden>
      <td colSpan={columns} style={{ height }}>
        {' '}
      </td>
    </tr>
  );
}

interface KeyedOrder {
  readonly isDown: boolean;
}

/** Rows by a key; null comes last whatever the direction, and equal ones stay in their order. */
export function sortBy<Row>(
  rows: readonly Row[],
  keyOf: (row: Row) => string | number | null,
  { isDown }: KeyedOrder,
): Row[] {
  const keyed = rows.map((row) => ({ row, key: keyOf(row) }));
  const sign = isDown ? -1 : 1;
  keyed.sort(({ key: a }, { key: b }) => {
    if (a === null || b === null) return Number(a === null) - Number(b === null);
    return a === b ? 0 : sign * (a < b ? -1 : 1);
  });
  return keyed.map(({ row }) => row);
}

/** Whether a text has every one of the words that somebody looks for. */
export function hasWords(text: string, wanted: string): boolean {
  const lower = text.toLowerCase();
  return wanted
    .toLowerCase()
    .split(/\s+/)
    .every((word) => lower.includes(word));
}
