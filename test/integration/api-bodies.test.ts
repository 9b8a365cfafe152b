/** Bodies that clients announce: what is refused for its headers, key or length is refused before it is sent. */
import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from '../contract/waiting.js';
import { type ApiServer, startApi, sums } from './api-server.js';

const maxBytes = 100_000;
let api: ApiServer;
let key: string;

beforeAll(async () => {
  api = await startApi({ environment: { MAX_FILE_BYTES: String(maxBytes) } });
  key = (await api.keys.create({ name: 'k', project: 'default' })).secret;
}, 120_000);
afterAll(() => api[Symbol.asyncDispose]());

interface Wire {
  readonly socket: Socket;
  /** All that the server has said. */
  readonly said: () => string;
}

function open(): Wire {
  const { port } = new URL(api.url);
  const socket = connect(Number(port), '127.0.0.1');
  let said = '';
  socket.on('data', (piece) => (said += piece.toString()));
  socket.on('error', () => undefined);
  return { socket, said: () => said };
}

const head = (method: string, path: string, headers: Readonly<Record<string, string | number>>) =>
  `${method} ${path} HTTP/1.1\r\n${Object.entries({
    host: new URL(api.url).host,
    authorization: `Bearer ${key}`,
    expect: '100-continue',
    ...headers,
  })
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('')}\r\n`;

const form = { 'content-type': 'multipart/form-data; boundary=xyz' };
const json = { 'content-type': 'application/json' };
const upload = `--xyz\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nfine-tune\r\n--xyz\r\nContent-Disposition: form-data; name="file"; filename="a.jsonl"\r\n\r\n${sums(3)}\r\n--xyz--\r\n`;

describe('a body that is announced', () => {
  test.each([
    [
      'a file that is too large',
      'POST',
      '/v1/files',
      { ...form, 'content-length': 1e9 },
      413,
      'file_too_large',
    ],
    [
      'an adapter that is too large',
      'POST',
      '/v1/adapters',
      { ...form, 'content-length': 1e9 },
      413,
      'file_too_large',
    ],
    [
      'JSON that is too large',
      'POST',
      '/v1/fine_tuning/jobs',
      { ...json, 'content-length': 2e6 },
      413,
      'body_too_large',
    ],
    [
      'a prompt that is too large',
      'POST',
      '/v1/completions',
      { ...json, 'content-length': 2e6 },
      413,
      'body_too_large',
    ],
    [
      'an upload that is no form',
      'POST',
      '/v1/files',
      { ...json, 'content-length': 100 },
      400,
      'not_multipart',
    ],
    [
      'a form without a boundary',
      'POST',
      '/v1/files',
      { 'content-type': 'multipart/form-data', 'content-length': 9 },
      400,
      'not_multipart',
    ],
    [
      'an upload without a key',
      'POST',
      '/v1/files',
      { ...form, authorization: 'x', 'content-length': 100 },
      401,
      'invalid_api_key',
    ],
    [
      'JSON without a key',
      'POST',
      '/v1/completions',
      { ...json, authorization: 'x', 'content-length': 100 },
      401,
      'invalid_api_key',
    ],
    ['a body for no route', 'POST', '/v1/nothing', { ...json, 'content-length': 100 }, 404, 'unknown_url'],
    [
      'a job as a text',
      'POST',
      '/v1/fine_tuning/jobs',
      { 'content-type': 'text/plain', 'content-length': 100 },
      400,
      'invalid_request',
    ],
    [
      'a key for repeats that is none',
      'POST',
      '/v1/files',
      { ...form, 'idempotency-key': 'a b', 'content-length': 100 },
      400,
      'invalid_request',
    ],
  ] as [string, string, string, Record<string, string | number>, number, string][])(
    'is not asked for: %s',
    async (_, method, path, headers, status, code) => {
      const { socket, said } = open();
      socket.write(head(method, path, headers));
      await eventually(() => expect(said()).toContain('\r\n\r\n{'));
      expect(said()).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
      expect(said()).toContain(`"code":"${code}"`);
      expect(said()).not.toContain('100 Continue');
      // Nothing can follow on a connection whose body was not sent.
      expect(said().toLowerCase()).toContain('connection: close');
      await eventually(() => expect(socket.destroyed).toBe(true));
    },
  );

  test('is asked for and taken where all is in order, and the connection goes on', async () => {
    const { socket, said } = open();
    const body = JSON.stringify({ model: 'none', prompt: 'a' });
    const requests: [string, string, string][] = [
      [head('POST', '/v1/files', { ...form, 'content-length': upload.length }), upload, '"object":"file"'],
      [
        head('POST', '/v1/completions', { ...json, 'content-length': body.length }),
        body,
        '"code":"model_not_found"',
      ],
      [
        head('POST', '/v1/files', { ...form, 'transfer-encoding': 'chunked' }),
        `${upload.length.toString(16)}\r\n${upload}\r\n0\r\n\r\n`,
        '"object":"file"',
      ],
    ];
    for (const [index, [headers, content, answer]] of requests.entries()) {
      const before = said().length;
      socket.write(headers);
      await eventually(() => expect(said().slice(before)).toContain('HTTP/1.1 100 Continue\r\n\r\n'));
      expect(said().slice(before)).not.toContain('HTTP/1.1 200');
      socket.write(content);
      await eventually(() => expect(said().slice(before), `request ${index}`).toContain(answer));
    }
    socket.destroy();
  });

  test('that is none is answered at once', async () => {
    const { socket, said } = open();
    socket.write(head('GET', '/v1/files', {}));
    await eventually(() => expect(said()).toContain('"object":"list"'));
    socket.destroy();
  });
});

test('a body without a declared length is cut at the limit', async () => {
  const { socket, said } = open();
  socket.write(head('POST', '/v1/completions', { ...json, 'transfer-encoding': 'chunked' }));
  await eventually(() => expect(said()).toContain('100 Continue'));
  const piece = 'a'.repeat(64_000);
  for (let i = 0; i < 20; i++) socket.write(`${piece.length.toString(16)}\r\n${piece}\r\n`);
  await eventually(() => expect(said()).toContain('HTTP/1.1 413 '));
  socket.destroy();
});

test('broken JSON without a key is not read', async () => {
  const answer = await fetch(`${api.url}/v1/completions`, { method: 'POST', headers: json, body: '{' });
  expect(answer.status).toBe(401);
});
