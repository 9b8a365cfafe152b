/** How far a follower of a job has read. */
import { ApiError } from '../errors/api-error.js';

/** What a stream carries. */
export type StreamKind = 'events' | 'metrics' | 'all';

/** Numbers of the last event and metric that were sent; null for what the stream does not carry. */
export interface Cursor {
  readonly event: number | null;
  readonly metric: number | null;
}

/** The id of a stream event: the number of the event or metric, or both with `-` between them. */
export function cursorId({ event, metric }: Cursor): string {
  return event !== null && metric !== null ? `${event}-${metric}` : String(event ?? metric);
}

/** Where to go on after a stream event with this id; from the beginning without one. Throws ApiError 400. */
export function readCursor(kind: StreamKind, id: string | undefined): Cursor {
  const match = /^(\d{1,9})(?:-(\d{1,9}))?$/.exec(id ?? (kind === 'all' ? '0-0' : '0'));
  const [, first, second] = match ?? [];
  if (first === undefined || (second !== undefined) !== (kind === 'all')) {
    const message = 'Last-Event-ID: is not an id of this stream; leave it out to begin at the beginning';
    throw new ApiError('invalid_request', message, { param: 'Last-Event-ID' });
  }
  if (kind === 'all') return { event: Number(first), metric: Number(second) };
  return kind === 'events' ? { event: Number(first), metric: null } : { event: null, metric: Number(first) };
}
