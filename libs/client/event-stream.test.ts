import type { ServerResponse } from 'node:http';
import { afterEach, expect, test } from 'vitest';
import { sendError, type StubAnswer, type StubServer, stubServer } from '../../test/stub-server.js';
import { Connection } from './connection.js';
import { eventsOf, followStream, type StreamEvent } from './event-stream.js';

const servers: StubServer[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

async function serve(answer: StubAnswer): Promise<{ connection: Connection; seen: StubServer['seen'] }> {
  const server = await stubServer(answer);
  servers.push(server);
  return { connection: new Connection({ url: server.url }), seen: server.seen };
}

async function parsed(...pieces: string[]): Promise<StreamEvent[]> {
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const piece of pieces) controller.enqueue(new TextEncoder().encode(piece));
      controller.close();
    },
  });
  const events: StreamEvent[] = [];
  for await (const event of eventsOf(new Response(body))) events.push(event);
  return events;
}

test('events are read whole, however the text is cut', async () => {
  const text =
    ': hello\r\nid: 1\r\nevent: metric\r\ndata: {"a":\r\ndata: 1}\r\n\r\ndata:plain\n\nid: 2\ndata: é\n\n';
  const expected = [
    { id: '1', event: 'metric', data: '{"a":\n1}' },
    { id: undefined, event: 'message', data: 'plain' },
    { id: '2', event: 'message', data: 'é' },
  ];
  expect(await parsed(text)).toEqual(expected);
  expect(await parsed(...text.split(''))).toEqual(expected);
  expect(await parsed('data: half')).toEqual([]);
});

function begin(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
}

test('a stream that is cut goes on after the last event, and ends when the server has no more', async () => {
  const { connection, seen } = await serve((request, response) => {
    const last = Number(request.headers['last-event-id'] ?? 0);
    if (last === 6) {
      response.writeHead(204).end();
      return;
    }
    begin(response);
    response.write(
      `id: ${last + 1}\ndata: ${last + 1}\n\nid: ${last + 2}\ndata: ${last + 2}\n\nid: 99\ndata: ha`,
      () => response.destroy(),
    );
  });
  const got: string[] = [];
  const stream = followStream(connection, '/stream?a=b', () => Promise.resolve(false));
  for await (const { data } of stream) got.push(data);
  expect(got).toEqual(['1', '2', '3', '4', '5', '6']);
  expect(seen.map(({ headers }) => headers['last-event-id'])).toEqual([undefined, '2', '4', '6']);
  expect(seen[0]!.query.get('a')).toBe('b');
});

test('a stream that ends without anything new is over if the job is', async () => {
  const { connection, seen } = await serve((_, response, count) => {
    begin(response);
    response.end(count === 1 ? 'id: 1\ndata: a\n\n' : 'data: no id\n\n');
  });
  const got: string[] = [];
  for await (const { data } of followStream(connection, '/', () => Promise.resolve(true))) got.push(data);
  expect(got).toEqual(['a', 'no id']);
  expect(seen).toHaveLength(2);
});

test('an error of the server ends it', async () => {
  const { connection } = await serve((_, response) => sendError(response, 404, { message: 'no such job' }));
  const stream = followStream(connection, '/', () => Promise.resolve(false));
  await expect(stream.next()).rejects.toMatchObject({ status: 404, message: 'no such job' });
});

test('an error of the reader is no break of the connection', async () => {
  const { connection, seen } = await serve((_, response) => {
    begin(response);
    response.write('id: 1\ndata: a\n\n');
  });
  const read = async () => {
    for await (const _ of followStream(connection, '/', () => Promise.resolve(false)))
      throw new TypeError('mine');
  };
  await expect(read()).rejects.toThrow('mine');
  expect(seen).toHaveLength(1);
});

test('a server that stays away ends it after the patience', async () => {
  const server = await stubServer(() => undefined);
  const connection = new Connection({ url: server.url, patienceSeconds: 0 });
  await server.close();
  const stream = followStream(connection, '/', () => Promise.resolve(false), { patienceSeconds: 0 });
  await expect(stream.next()).rejects.toMatchObject({ code: 'server_unreachable' });
});

test('a connection on which nothing comes any more counts as broken', async () => {
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(new TextEncoder().encode('data: a\n\n')),
  });
  const events = eventsOf(new Response(body), { silenceMs: 20 });
  expect((await events.next()).value).toMatchObject({ data: 'a' });
  await expect(events.next()).rejects.toMatchObject({
    state: 'broken',
    message: expect.stringContaining('nothing came') as unknown,
  });
});

test('every break is told with its reason', async () => {
  const { connection } = await serve((_, response, count) => {
    if (count === 2) {
      response.writeHead(204).end();
      return;
    }
    begin(response);
    response.write('id: 1\ndata: a\n\n', () => response.destroy());
  });
  const reasons: string[] = [];
  const onBreak = (cause: Error) => reasons.push(cause.message);
  const stream = followStream(connection, '/', () => Promise.resolve(false), { onBreak });
  expect((await stream.next()).value).toMatchObject({ data: 'a' });
  expect((await stream.next()).done).toBe(true);
  expect(reasons).toEqual(['UND_ERR_SOCKET']);
});
