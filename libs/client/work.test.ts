import { afterEach, expect, test } from 'vitest';
import type { CompositionObject } from '#contracts/http/compositions.js';
import { sendJson, type StubAnswer, type StubServer, stubServer } from '../../test/stub-server.js';
import { LowrankClient } from './client.js';

const servers: StubServer[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

async function serve(answer: StubAnswer) {
  const server = await stubServer(answer);
  servers.push(server);
  return { compositions: new LowrankClient({ url: server.url }).compositions, seen: server.seen };
}

const begun: CompositionObject = {
  id: 'composition-1',
  object: 'composition',
  created_at: 0,
  finished_at: null,
  status: 'queued',
  model: 'tiny',
  members: [],
  rank: null,
  energy: null,
  suffix: null,
  progress: null,
  waiting: null,
  report: null,
  adapter: null,
  error: null,
};

test('work is looked at until it is done, and each look is sent', async () => {
  const states = ['queued', 'running', 'succeeded'];
  const { compositions, seen } = await serve((_, response, count) =>
    sendJson(response, { ...begun, status: states[count - 1] }),
  );
  const sent: string[] = [];
  const done = await compositions.wait(begun, { onProgress: ({ status }) => sent.push(status) });
  expect(done.status).toBe('succeeded');
  expect(sent).toEqual(['queued', 'queued', 'running']);
  expect(seen).toHaveLength(3);
});

test('work that fails throws its code, and work that was cancelled says so', async () => {
  const error = { code: 'disk_full', message: 'no room' };
  const failing = await serve((_, response) => sendJson(response, { ...begun, status: 'failed', error }));
  await expect(failing.compositions.wait(begun)).rejects.toMatchObject(error);
  const cancelled = await serve((_, response) => sendJson(response, { ...begun, status: 'cancelled' }));
  await expect(cancelled.compositions.wait(begun)).rejects.toMatchObject({ code: 'cancelled' });
});

test('waiting ends with its signal, also while the server keeps an answer back', async () => {
  const abort = new AbortController();
  const { compositions } = await serve(() => abort.abort(new Error('enough')));
  await expect(compositions.wait(begun, { signal: abort.signal })).rejects.toThrow('enough');
});
