/** What happened to a job, newest first, found by level and word. */
import { useState } from 'react';
import type { EventObject } from '#contracts/http/streams.js';
import { clock, time } from '../../format.js';
import { cx } from '../../ui/cx.js';
import { SearchBox, Segments } from '../../ui/field.js';
import { Card } from '../../ui/layout.js';
import styles from './job.module.css';

type Level = 'all' | 'warn' | 'error';

const levels: readonly (readonly [Level, string])[] = [
  ['all', 'All'],
  ['warn', 'Warnings'],
  ['error', 'Errors'],
];

export function JobEvents({ events }: { readonly events: readonly EventObject[] }) {
  const [level, setLevel] = useState<Level>('all');
  const [text, setText] = useState('');
  const sought = text.toLowerCase();
  const shown = events.filter(
    (event) => (level === 'all' || event.level === level) && event.message.toLowerCase().includes(sought),
  );
  return (
    <Card title="Events">
      <div className={styles.eventTools}>
        <SearchBox label="Search events" value={text} onChange={setText} />
        <Segments label="Level" value={level} options={levels} onChange={setLevel} />
      </div>
      {shown.length === 0 && <p>{events.length === 0 ? 'Nothing has happened yet.' : 'No events match.'}</p>}
      <ol className={cx(styles.events, 'events')} tabIndex={0} aria-label="Events, newest first">
        {shown.toReversed().map(({ seq, created_at, level: own, message }) => (
          <li key={seq} className={styles[own]}>
            <time title={time(created_at)}>{clock(created_at)}</time> {message}
          </li>
        ))}
      </ol>
    </Card>
  );
}
