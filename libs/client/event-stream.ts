/** Server-sent events that go on where they stopped when the connection breaks. */
import { createParser } from 'eventsource-parser';
import type { Connection } from './connection.js';
import { type ReconnectOptions, Reconnection } from './reconnection.js';
import { chunksOf, type ReadOptions } from './response-body.js';
import { ConnectionError } from './transport.js';

export interface StreamEvent {
  readonly id: string | undefined;
  readonly event: string;
  readonly data: string;
}

export interface FollowOptions extends ReconnectOptions {
  /** Id of the last event that is known; the stream goes on after it. */
  readonly after?: string;
}

/** Three heartbeats of the server that did not come. */
const silenceMs = 45_000;

/** The events of an answer as they come; ends when the answer does. Throws ConnectionError and the signal's reason. */
export async function* eventsOf(response: Response, options: ReadOptions = {}): AsyncGenerator<StreamEvent> {
  const events: StreamEvent[] = [];
  const parser = createParser({
    onEvent: ({ id, event = 'message', data }) => events.push({ id, event, data }),
  });
  const decoder = new TextDecoder();
  for await (const chunk of chunksOf(response, options)) {
    parser.feed(decoder.decode(chunk, { stream: true }));
    yield* events.splice(0);
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
  const { signal } = options;
  const reconnection = new Reconnection(connection, options);
  let last = options.after;
  for (;;) {
    let cause: unknown = new ConnectionError(new Error('the stream ended early'), 'broken');
    let isNew = false;
    try {
      const headers = {
        accept: 'text/event-stream',
        ...(last === undefined ? {} : { 'last-event-id': last }),
      };
      const response = await connection.send('GET', path, { headers, signal });
      if (response.status === 204) return;
      for await (const event of eventsOf(response, { signal, silenceMs })) {
        reconnection.succeeded();
        isNew ||= event.id !== undefined && event.id !== last;
        last = event.id ?? last;
        yield event;
      }
      if (isNew) continue;
      if (await isOver()) return;
    } catch (error) {
      cause = error;
    }
    await reconnection.after(cause);
  }
}
