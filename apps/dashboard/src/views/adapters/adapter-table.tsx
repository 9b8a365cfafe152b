/** Adapters as a table. */
import type { RefCallback } from 'react';
import { bytes, number } from '../../format.js';
import { Link } from '../../router.js';
import { Badge } from '../../ui/badge.js';
import { Ago } from '../../ui/time.js';
import { labelOf } from '../parts/adapter-label.js';
import { type Head, LongTable } from '../parts/long-table.js';
import {
  type AdapterOrder,
  type AdapterRow,
  type Column,
  methodOf,
  originNames,
  originOf,
  rankOf,
  tagsOf,
} from './adapter-facts.js';
import styles from './adapters.module.css';

const heads: readonly Head<Column>[] = [
  { column: 'name', name: 'Name' },
  { column: 'base', name: 'Base', width: 150 },
  { column: 'method', name: 'Method', width: 120 },
  { column: 'rank', name: 'Rank', width: 70 },
  { column: 'loss', name: 'Training loss', width: 120 },
  { column: 'size', name: 'Size', width: 90 },
  { column: 'tags', name: 'Tags', width: 190 },
  { column: 'created', name: 'Created', width: 110 },
];

interface AdapterTableProps {
  readonly rows: readonly AdapterRow[];
  readonly order: AdapterOrder;
  readonly onOrder: (order: AdapterOrder) => void;
}

export function AdapterTable({ rows, order, onOrder }: AdapterTableProps) {
  return (
    <LongTable
      rows={rows}
      heads={heads}
      downFirst="created"
      order={order}
      onOrder={onOrder}
      className={styles.list}
    >
      {(row, index, measure) => <Row key={row.id} row={row} index={index} measure={measure} />}
    </LongTable>
  );
}

interface RowProps {
  readonly row: AdapterRow;
  readonly index: number;
  readonly measure: RefCallback<HTMLElement>;
}

function Row({ row, index, measure }: RowProps) {
  const { adapter, job } = row;
  return (
    <tr ref={measure} data-index={index} aria-rowindex={index + 2} data-adapter={adapter.id}>
      <th scope="row" className={styles.name}>
        <Link to={`/adapters/${adapter.id}`}>{labelOf(adapter)}</Link>
        <small>{originNames[originOf(adapter)]}</small>
      </th>
      <td title={adapter.model}>{adapter.model}</td>
      <td className={styles.rest}>{methodOf(row)}</td>
      <td className={styles.rest}>{rankOf(adapter) ?? '–'}</td>
      <td className={styles.rest}>{number(job?.progress.loss)}</td>
      <td>{bytes(adapter.bytes)}</td>
      <td className={styles.rest}>
        <span className={styles.tags}>
          {tagsOf(row).map((tag) => (
            <Badge key={tag} tone="idle">
              {tag}
            </Badge>
          ))}
        </span>
      </td>
      <td className={styles.rest}>
        <Ago at={adapter.created_at} />
      </td>
    </tr>
  );
}
