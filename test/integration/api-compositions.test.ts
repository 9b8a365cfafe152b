/** Compositions and exports as the API takes them: refusals, tasks for workers. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Tasks } from '#jobs/tasks.js';
import type { TextConfig } from '#models/model-config.js';
import { openModelFolder } from '#models/model-folder.js';
import { BaseModel } from '#platform/database/entities/base-model.js';
import { Task } from '#platform/database/entities/task.js';
import { type ApiServer, startApi } from './api-server.js';
import { refusedCompositions, storeAdapter } from './composed-adapters.js';

let api: ApiServer;
let a: string;
let b: string;
let unrelated: string;

beforeAll(async () => {
  api = await startApi({ environment: { HF_TOKEN: 'hf_of_tests' } });
  await api.smallJob();
  a = await storeAdapter(api.platform, { seed: 1, r: 4 });
  b = await storeAdapter(api.platform, { seed: 2, r: 3 });
  unrelated = await storeAdapter(api.platform, { seed: 3, r: 3, baseIdentity: 'sha256:other' });
}, 120_000);
afterAll(() => api[Symbol.asyncDispose]());

const compose = (body: object) => api.call('POST', '/v1/compositions', body);
const both = () => [
  { adapter: a, weight: 0.7 },
  { adapter: b, weight: -0.3 },
];

test.each(refusedCompositions)('%s is refused with the field', async (_, body, param, code) => {
  const answer = await compose(body({ a, b, unrelated }));
  const { error } = answer.body;
  expect({ status: answer.status, param: error.param, code: error.code }).toEqual({
    status: 400,
    param,
    code,
  });
});

test('both base models are named, and a weight that no number can hold is refused', async () => {
  const { body } = await compose({ members: [...both(), { adapter: unrelated, weight: 1 }] });
  for (const name of [a, unrelated, 'sha256:other']) expect(body.error.message).toContain(name);
  const raw = await fetch(`${api.url}/v1/compositions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: `{"members": [{"adapter": "${a}", "weight": 1e999}]}`,
  });
  expect(raw.status).toBe(400);
  expect(((await raw.json()) as { error: { param: string } }).error.param).toBe('members.0.weight');
});

test('a composition waits for a worker, and the same Idempotency-Key makes no second one', async () => {
  const body = { members: both(), rank: 4, suffix: 'both' };
  const headers = { 'idempotency-key': 'composition-1' };
  const first = await api.call('POST', '/v1/compositions', body, headers);
  const second = await api.call('POST', '/v1/compositions', body, headers);
  expect(first.body).toMatchObject({ object: 'composition', status: 'queued', rank: 4, suffix: 'both' });
  expect(second.body.id).toBe(first.body.id);
  const listed = (await api.call('GET', '/v1/compositions')).body.data;
  expect(listed.map(({ id }) => id)).toEqual([first.body.id]);
});

test('only the attempt that holds a task may end it, and lost ones come back until they were tried thrice', async () => {
  const tasks = new Tasks(api.platform);
  for (let claimed = await tasks.claim('drain'); claimed; claimed = await tasks.claim('drain')) {
    await tasks.fail({ id: claimed.id, attempt: claimed.attempt }, { code: 'rank_invalid', message: 'x' });
  }
  const { id } = (await api.call('POST', '/v1/exports', { adapter: a, dtype: 'f32' })).body;
  const [claimed, nothing] = [await tasks.claim('w1'), await tasks.claim('w2')];
  expect([claimed?.id, claimed?.attempt, nothing]).toEqual([id, 1, null]);
  expect(await tasks.beat({ id, attempt: 1 }, { stage: 'write', done: 1, total: 2 })).toBe(true);
  expect((await api.call('GET', `/v1/exports/${id}`)).body).toMatchObject({
    status: 'running',
    progress: { stage: 'write', done: 1, total: 2 },
  });
  await tasks.handOver({ id, attempt: 1 });
  expect((await tasks.claim('w2'))?.attempt).toBe(2);
  expect(await tasks.beat({ id, attempt: 1 }, null)).toBe(false);
  expect(await tasks.finish({ id, attempt: 1 }, { files: [] })).toBe(false);
  await api.platform.database.query(
    `UPDATE task SET heartbeat_at = now() - interval '1 hour' WHERE id = $1`,
    [id],
  );
  expect(await tasks.putBackLost(0)).toBe(1);
  expect((await tasks.claim('w3'))?.attempt).toBe(3);
  expect(await tasks.finish({ id, attempt: 3 }, { files: [] })).toBe(true);
  expect((await api.call('GET', `/v1/exports/${id}`)).body.status).toBe('succeeded');
  expect((await api.call('DELETE', `/v1/exports/${id}`)).status).toBe(200);
  expect((await api.call('GET', `/v1/exports/${id}`)).status).toBe(404);
});

test('a push names what the hub will know: the repository, and a base only if it is one of the hub', async () => {
  const push = (body: object) =>
    api.call('POST', '/v1/pushes', { adapter: a, repository: 'org/name', ...body });
  expect((await push({ private: true })).body).toMatchObject({
    object: 'push',
    status: 'queued',
    adapter: a,
    repository: 'org/name',
    private: true,
    base_model: null,
    commit: null,
  });
  expect((await push({ base_model: 'org/base' })).body).toMatchObject({ base_model: 'org/base' });
  const { status, body } = await push({ repository: 'name alone' });
  expect({ status, param: body.error.param }).toEqual({ status: 400, param: 'repository' });
});

test.each([
  ['compositions', 'composition', () => ({ members: both() })],
  ['exports', 'export', () => ({ adapter: a })],
  ['pushes', 'push', () => ({ adapter: a, repository: 'org/name' })],
])('%s can be cancelled while they wait or run, and deleted always', async (kind, one, body) => {
  const tasks = new Tasks(api.platform);
  const make = async () => (await api.call('POST', `/v1/${kind}`, body())).body.id;
  const cancel = (id: string) => api.call('POST', `/v1/${kind}/${id}/cancel`);
  const waiting = await make();
  expect((await cancel(waiting)).body).toMatchObject({ status: 'cancelled', error: null });
  expect((await cancel(waiting)).body.status).toBe('cancelled');
  const running = await make();
  let claimed = await tasks.claim('w');
  while (claimed && claimed.id !== running) claimed = await tasks.claim('w');
  expect((await cancel(running)).body.status).toBe('cancelled');
  expect(await tasks.beat({ id: running, attempt: 1 }, null)).toBe(false);
  const done = await make();
  await tasks.claim('w');
  await tasks.fail({ id: done, attempt: 1 }, { code: 'rank_invalid', message: 'x' });
  const late = await cancel(done);
  expect([late.status, late.body.error.code]).toEqual([400, `${one}_finished`]);
  for (const id of [waiting, running, done]) {
    expect((await api.call('DELETE', `/v1/${kind}/${id}`)).status).toBe(200);
    expect((await api.call('GET', `/v1/${kind}/${id}`)).status).toBe(404);
    expect((await cancel(id)).status).toBe(404);
  }
});

test('a hand-over is no failure, and a task has failed after three', async () => {
  const tasks = new Tasks(api.platform);
  const { id } = (await api.call('POST', '/v1/exports', { adapter: a })).body;
  for (let attempt = 1; attempt <= 4; attempt++) {
    expect((await tasks.claim('w'))?.attempt).toBe(attempt);
    await tasks.handOver({ id, attempt });
  }
  for (let attempt = 5; attempt <= 7; attempt++) {
    expect((await tasks.claim('w'))?.attempt).toBe(attempt);
    await tasks.fail({ id, attempt }, { code: 'task_died', message: 'x' });
  }
  expect((await api.call('GET', `/v1/exports/${id}`)).body).toMatchObject({
    status: 'failed',
    error: { code: 'task_died' },
  });
});

test('the same Idempotency-Key makes one export', async () => {
  const headers = { 'idempotency-key': 'export-1' };
  const first = await api.call('POST', '/v1/exports', { adapter: a }, headers);
  expect((await api.call('POST', '/v1/exports', { adapter: a }, headers)).body.id).toBe(first.body.id);
  const other = await api.call('POST', '/v1/exports', { adapter: b }, headers);
  expect([other.status, other.body.error.code]).toEqual([422, 'idempotency_mismatch']);
});

test('an export needs the base model that the adapter was trained on', async () => {
  const { status, body } = await api.call('POST', '/v1/exports', { adapter: unrelated });
  expect({ status, param: body.error.param, code: body.error.code }).toEqual({
    status: 400,
    param: 'adapter',
    code: 'base_changed',
  });
  expect((await api.call('POST', '/v1/exports', { adapter: a, dtype: 'f8' })).body.error.param).toBe('dtype');
});

test.each([
  [{ format: 'gguf', dtype: 'q8_0' }, 'dtype', /an adapter for llama\.cpp is written in f32, f16, bf16/],
  [{ format: 'gguf', max_shard_bytes: 4096 }, 'max_shard_bytes', /is one file/],
  [{ format: 'onnx' }, 'format', /gguf/],
])('an export asked for as %j is refused', async (order, param, message) => {
  const { status, body } = await api.call('POST', '/v1/exports', { adapter: a, ...order });
  expect({ status, param: body.error.param }).toEqual({ status: 400, param });
  expect(body.error.message).toMatch(message);
});

test('an export of an adapter that its format cannot hold is refused at once, with the one that would do', async () => {
  const { manager } = api.platform.database;
  const { folder } = await manager.findOneByOrFail(BaseModel, { name: 'tiny' });
  const { vocabSize, hiddenSize } = (await openModelFolder(folder)).config as TextConfig & {
    readonly hiddenSize: number;
  };
  const shapes = { lm_head: [vocabSize, hiddenSize] } as const;
  const head = await storeAdapter(api.platform, { seed: 4, r: 2, shapes });
  const before = await manager.count(Task);
  const { status, body } = await api.call('POST', '/v1/exports', { adapter: head, format: 'gguf' });
  expect([status, body.error.code, body.error.param]).toEqual([400, 'unsupported', 'adapter']);
  expect(body.error.message).toMatch(
    /^adapter-\S+ cannot be exported as GGUF: it changes the output embedding.*: merged-gguf$/,
  );
  expect(await manager.count(Task)).toBe(before);
});

test('an export has the usual numbers of its format unless others are asked for', async () => {
  const made = async (order: object) =>
    (await api.call('POST', '/v1/exports', { adapter: a, ...order })).body;
  expect(await made({})).toMatchObject({ format: 'merged', dtype: 'f16', max_shard_bytes: 5e9 });
  expect(await made({ format: 'gguf' })).toMatchObject({
    format: 'gguf',
    dtype: 'f32',
    max_shard_bytes: null,
  });
});

test('exports are listed by the adapter they are of, page by page, also when it is deleted', async () => {
  const [mine, other] = [
    await storeAdapter(api.platform, { seed: 4, r: 2 }),
    await storeAdapter(api.platform, { seed: 5, r: 2 }),
  ];
  const make = async (adapter: string) => (await api.call('POST', '/v1/exports', { adapter })).body.id;
  const [first, second] = [await make(mine), await make(mine)];
  await make(other);
  await api.call('DELETE', `/v1/adapters/${mine}`);
  const idsOf = async (query: string) => {
    const { body } = await api.call('GET', `/v1/exports?${query}`);
    return { ids: body.data.map(({ id }) => id), more: body.has_more };
  };
  expect(await idsOf(`adapter=${mine}`)).toEqual({ ids: [second, first], more: false });
  expect(await idsOf(`adapter=${mine}&limit=1`)).toEqual({ ids: [second], more: true });
  expect(await idsOf(`adapter=${mine}&limit=1&after=${second}`)).toEqual({ ids: [first], more: false });
  expect((await idsOf('limit=100')).ids).toEqual(expect.arrayContaining([first, second]));
  for (const none of ['adapter-none', 'export-none', '%22%5D']) {
    expect(await idsOf(`adapter=${none}`)).toEqual({ ids: [], more: false });
  }
  const empty = await api.call('GET', '/v1/exports?adapter=');
  expect([empty.status, empty.body.error.param]).toEqual([400, 'adapter']);
  const unknown = await api.call('GET', `/v1/compositions?adapter=${mine}`);
  expect([unknown.status, unknown.body.error.param]).toEqual([400, 'adapter']);
});
