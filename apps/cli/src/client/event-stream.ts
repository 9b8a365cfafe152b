/** Server-sent events that go on where they stopped when the connection breaks. */
import { ApiError, isBreak, unreachable } from './errors.js';
import type { Connection } from './connection.js';
import { waitFor } from '../wait.js';

export interface StreamEvent {
  readonly id: string | undefined;
  readonly event: string;
  readonly data: string;
}

export interface FollowOptions {
  /** Id of the last event that is known; the stream goes on after it. */
  readonly after?: string;
  /** How long a server that is away is waited for, in seconds; default 60. */
  readonly patienceSeconds?: number;
  readonly signal?: AbortSignal;
  /** Told when the connection broke and is made again. */
  readonly onBreak?: () => void;
}

const defaultPatienceSeconds = 60;
const firstPauseMs = 100;
const longestPauseMs = 2000;

/** The events in a stream's text as it comes; ends when the stream does. */
export async function* parseEvents(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<StreamEvent> {
  const decoder = new TextDecoder();
  let rest = '';
  let id: string | undefined;
  let event = 'message';
  let data: string[] = [];
  for await (const chunk of chunks) {
    rest += decoder.decode(chunk, { stream: true });
    // A carriage return at the very end may be the first half of a line's end.
    const lines = rest.split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop() ?? '';
    for (const line of lines) {
      if (line === '') {
        if (data.length > 0) yield { id, event, data: data.join('\n') };
        event = 'message';
        data = [];
        continue;
      }
      const [, field = '', value = ''] = /^([^:]*)(?:: ?(.*))?$/s.exec(line) ?? [];
      if (field === 'data') data.push(value);
      else if (field === 'event') event = value;
      else if (field === 'id') id = value;
    }
  }
}

/**
 * Follows a stream to its end: the server answers 204, or sends nothing new and `isOver` says that nothing will come.
 * That a stream ends says little: a server that stops ends it too.
 *
 * A broken connection is made again with Last-Event-ID, so that each event comes once. Throws ApiError,
 * `server_unreachable` after the patience, and the signal's reason.
 */
export async function* followStream(
  connection: Connection,
  path: string,
  isOver: () => Promise<boolean>,
  options: FollowOptions = {},
): AsyncGenerator<StreamEvent> {
  const { signal, onBreak, patienceSeconds = defaultPatienceSeconds } = options;
  let last = options.after;
  let brokenSince: number | undefined;
  let pause = firstPauseMs;
  for (;;) {
    let cause: unknown = new Error('the stream ended early');
    let isNew = false;
    try {
      const headers = {
        accept: 'text/event-stream',
        ...(last === undefined ? {} : { 'last-event-id': last }),
      };
      const response = await connection.send('GET', path, { headers, signal });
      if (response.status === 204 || !response.body) return;
      for await (const event of parseEvents(response.body)) {
        brokenSince = undefined;
        pause = firstPauseMs;
        isNew ||= event.id !== undefined && event.id !== last;
        last = event.id ?? last;
        yield event;
      }
      if (!isNew && (await isOver())) return;
      if (isNew) continue;
    } catch (error) {
      signal?.throwIfAborted();
      if (error instanceof ApiError && error.status < 500) throw error;
      if (!isBreak(error)) throw error;
      cause = error;
    }
    signal?.throwIfAborted();
    const now = performance.now();
    brokenSince ??= now;
    if (now - brokenSince > 1000 * patienceSeconds) throw unreachable(connection.url, cause);
    onBreak?.();
    await waitFor(pause, signal);
    pause = Math.min(2 * pause, longestPauseMs);
  }
}
