import { afterEach, expect, test } from 'vitest';
import { z } from 'zod';
import { sendError, sendJson, type StubAnswer, type StubServer, stubServer } from '../../test/stub-server.js';
import { Connection } from './connection.js';
import { ApiError } from './errors.js';

const servers: StubServer[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

async function serve(answer: StubAnswer, port?: number): Promise<StubServer> {
  const server = await stubServer(answer, port);
  servers.push(server);
  return server;
}

/** An address where nobody listens any more. */
async function nobody(): Promise<string> {
  const server = await stubServer(() => undefined);
  await server.close();
  return server.url;
}

const ok = z.object({ ok: z.boolean() });
const body = { ok: true };

test('the key and the query are sent, and the answer is checked', async () => {
  const { url, seen } = await serve((_, response) => sendJson(response, body));
  const connection = new Connection({ url: `${url}/`, key: 'lr-secret' });
  expect(await connection.json('GET', '/v1/x', ok, { query: { a: 1, b: undefined } })).toEqual(body);
  expect(seen[0]).toMatchObject({ path: '/v1/x', headers: { authorization: 'Bearer lr-secret' } });
  expect(String(seen[0]!.query)).toBe('a=1');
  await expect(connection.json('GET', '/v1/x', z.object({ id: z.string() }))).rejects.toMatchObject({
    code: 'answer_unexpected',
  });
});

test('an error has the message, code and fields of the server', async () => {
  const problems = [{ field: 'model', message: 'is missing' }];
  const { url } = await serve((_, response) =>
    sendError(
      response,
      400,
      { message: 'no', code: 'job_invalid', param: 'model', problems },
      { 'x-request-id': 'req-1' },
    ),
  );
  const failure = new Connection({ url }).json('POST', '/v1/x', ok, { json: {} });
  await expect(failure).rejects.toBeInstanceOf(ApiError);
  await expect(failure).rejects.toMatchObject({
    status: 400,
    code: 'job_invalid',
    message: 'no',
    details: { status: 400, param: 'model', request: 'req-1', problems },
    problems,
  });
});

test('what is no error body is shown as it is', async () => {
  const { url } = await serve((_, response) => response.writeHead(418).end('short and stout'));
  await expect(new Connection({ url }).send('GET', '/')).rejects.toMatchObject({
    code: 'answer_unexpected',
    message: expect.stringContaining('short and stout') as unknown,
  });
});

test('a server that starts a moment later is waited for, even with a request that is sent once only', async () => {
  const first = await stubServer(() => undefined);
  const { port, url } = first;
  await first.close();
  const answer = new Connection({ url }).json('POST', '/v1/x', ok, { json: {} });
  const { seen } = await serve((_, response) => sendJson(response, body), port);
  expect(await answer).toEqual(body);
  expect(seen).toHaveLength(1);
});

test('nobody there is an error that names the address and what to do', async () => {
  const url = await nobody();
  const connection = new Connection({ url, patienceSeconds: 0, helpIfUnreachable: 'start one' });
  await expect(connection.send('GET', '/')).rejects.toMatchObject({
    code: 'server_unreachable',
    message: `no server answers at ${url} (ECONNREFUSED): start one`,
  });
});

test('a request that may be sent twice is, when the connection breaks or the server is busy', async () => {
  const { url, seen } = await serve((_, response, count) => {
    if (count === 1) response.destroy();
    else if (count === 2) sendError(response, 503, { message: 'busy' }, { 'retry-after-ms': '1' });
    else sendJson(response, body);
  });
  expect(await new Connection({ url }).json('GET', '/', ok)).toEqual(body);
  expect(seen).toHaveLength(3);
});

test('a request that may not be sent twice is not, when it was sent', async () => {
  const { url, seen } = await serve((_, response) => response.destroy());
  await expect(new Connection({ url }).send('POST', '/', { json: {} })).rejects.toMatchObject({
    code: 'server_unreachable',
  });
  expect(seen).toHaveLength(1);
});

test('a server that says so is not asked again', async () => {
  const { url, seen } = await serve((_, response) =>
    sendError(response, 429, { message: 'enough' }, { 'x-should-retry': 'false' }),
  );
  await expect(new Connection({ url }).send('GET', '/')).rejects.toMatchObject({ status: 429 });
  expect(seen).toHaveLength(1);
});

test('waiting ends with the signal', async () => {
  const url = await nobody();
  const abort = new AbortController();
  const answer = new Connection({ url, patienceSeconds: 60 }).send('GET', '/', { signal: abort.signal });
  abort.abort(new Error('enough'));
  await expect(answer).rejects.toThrow('enough');
});

test('an address that fetch does not go to is an error at once', async () => {
  const failure = new Connection({ url: 'http://127.0.0.1:9' }).send('GET', '/');
  await expect(failure).rejects.toMatchObject({ code: 'server_unreachable' });
});

test('an answer that breaks off in the middle is asked for again', async () => {
  const { url, seen } = await serve((_, response, count) => {
    if (count > 1) return sendJson(response, body);
    response.writeHead(200, { 'content-length': 100 });
    response.write('{"ok":', () => response.destroy());
  });
  expect(await new Connection({ url }).json('GET', '/', ok)).toEqual(body);
  expect(seen).toHaveLength(2);
});

test('what makes something has a key of its own, the same in every try', async () => {
  const { url, seen } = await serve((_, response, count) => {
    if (count === 1) response.destroy();
    else sendJson(response, body);
  });
  const connection = new Connection({ url });
  await connection.create('/v1/x', ok, {});
  await connection.create('/v1/x', ok, {});
  await connection.create('/v1/x', ok, {}, { idempotencyKey: 'mine' });
  const keys = seen.map(({ headers }) => headers['idempotency-key']);
  expect(keys[0]).toMatch(/^[0-9a-f]{32}$/);
  expect(keys[1]).toBe(keys[0]);
  expect(keys[2]).not.toBe(keys[0]);
  expect(keys[3]).toBe('mine');
});

test('the key is looked up for each request, and refusals are sent', async () => {
  const { url } = await serve(({ headers }, response) => {
    if (headers.authorization === 'Bearer lr-new') sendJson(response, body);
    else sendError(response, 401, { message: 'no', code: 'invalid_api_key' });
  });
  let key: string | undefined;
  const sent: number[] = [];
  const connection = new Connection({ url, key: () => key, onError: ({ status }) => sent.push(status) });
  await expect(connection.json('GET', '/', ok)).rejects.toMatchObject({ status: 401 });
  key = 'lr-new';
  expect(await connection.json('GET', '/', ok)).toEqual(body);
  expect(sent).toEqual([401]);
});

test('a key that cannot be sent is an error that says so', async () => {
  const connection = new Connection({ url: 'http://127.0.0.1:1', key: 'lr-\nx' });
  await expect(connection.send('GET', '/')).rejects.toMatchObject({ code: 'invalid_api_key' });
});
