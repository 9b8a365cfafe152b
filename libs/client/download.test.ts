import type { ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { afterEach, expect, test } from 'vitest';
import { sendError, type StubAnswer, type StubServer, stubServer } from '../../test/stub-server.js';
import { Connection } from './connection.js';
import { download } from './download.js';

const servers: StubServer[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

async function serve(answer: StubAnswer): Promise<{ connection: Connection; seen: StubServer['seen'] }> {
  const server = await stubServer(answer);
  servers.push(server);
  return { connection: new Connection({ url: server.url }), seen: server.seen };
}

const content = 'abcdefghij';

/** Sends a part of the content that breaks off after some bytes. */
function sendPart(response: ServerResponse, first: number, until = content.length, etag = '"1"'): void {
  const range = first > 0 ? { 'content-range': `bytes ${first}-9/10` } : {};
  response.writeHead(first > 0 ? 206 : 200, { etag, 'content-length': content.length - first, ...range });
  if (until === content.length) response.end(content.slice(first));
  else response.write(content.slice(first, until), () => response.destroy());
}

const textOf = async (chunks: AsyncIterable<Uint8Array>) => (await buffer(chunks)).toString();

test('a download goes on where it broke, as often as something new comes', async () => {
  const { connection, seen } = await serve(({ headers }, response) => {
    const first = Number(/\d+/.exec(headers.range ?? '0')![0]);
    sendPart(response, first, Math.min(first + 3, content.length));
  });
  expect(await textOf(download(connection, '/file'))).toBe(content);
  expect(seen.map(({ headers }) => headers.range)).toEqual([undefined, 'bytes=3-', 'bytes=6-', 'bytes=9-']);
  expect(seen.map(({ headers }) => headers['if-range'])).toEqual([undefined, '"1"', '"1"', '"1"']);
});

test('only the rest is asked for where the beginning is there', async () => {
  const { connection, seen } = await serve((_, response) => sendPart(response, 4));
  expect(await textOf(download(connection, '/file', { start: 4 }))).toBe('efghij');
  expect(seen[0]!.headers.range).toBe('bytes=4-');
});

test('a server that sends the whole file each time gives each byte once too', async () => {
  const { connection } = await serve((_, response, count) => sendPart(response, 0, count === 1 ? 7 : 10));
  expect(await textOf(download(connection, '/file', { start: 2 }))).toBe('cdefghij');
});

test('a file that becomes another one is not put together', async () => {
  const { connection } = await serve((_, response, count) =>
    count === 1 ? sendPart(response, 0, 5) : sendPart(response, 0, 10, '"2"'),
  );
  await expect(textOf(download(connection, '/file'))).rejects.toMatchObject({ code: 'file_changed' });
});

test('a refusal ends a download, and a server that stays away does after the patience', async () => {
  const refusing = await serve((_, response) => sendError(response, 404, { message: 'no such file' }));
  await expect(textOf(download(refusing.connection, '/file'))).rejects.toMatchObject({ status: 404 });
  const breaking = await serve((_, response) => sendPart(response, 0, 0));
  const failed = textOf(download(breaking.connection, '/file', { patienceSeconds: 0.2 }));
  await expect(failed).rejects.toMatchObject({ code: 'server_unreachable' });
});

test('a download ends with its signal', async () => {
  const { connection } = await serve((_, response) => {
    response.writeHead(200, { 'content-length': 10 });
    response.write('abc');
  });
  const abort = new AbortController();
  const chunks = download(connection, '/file', { signal: abort.signal });
  expect(Buffer.from((await chunks.next()).value as Uint8Array).toString()).toBe('abc');
  const rest = chunks.next();
  abort.abort(new Error('enough'));
  await expect(rest).rejects.toThrow('enough');
});
