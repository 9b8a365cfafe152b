/** Compositions and exports as the API takes them: previews, refusals, tasks for workers. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Tasks } from '#jobs/tasks.js';
import { type ApiServer, startApi } from './api-server.js';
import { storeAdapter } from './composed-adapters.js';

let api: ApiServer;
let a: string;
let b: string;
let stranger: string;

beforeAll(async () => {
  api = await startApi();
  await api.smallJob();
  a = await storeAdapter(api.platform, { seed: 1, r: 4 });
  b = await storeAdapter(api.platform, { seed: 2, r: 3 });
  stranger = await storeAdapter(api.platform, { seed: 3, r: 3, baseIdentity: 'sha256:other' });
}, 120_000);
afterAll(() => api[Symbol.asyncDispose]());

const compose = (body: object) => api.call('POST', '/v1/compositions', body);
const both = () => [
  { adapter: a, weight: 0.7 },
  { adapter: b, weight: -0.3 },
];

interface Report {
  readonly recipe_id: string;
  readonly stack_rank: number;
  readonly rank: number;
  readonly overall: { readonly kept_energy: number; readonly relative_error: number };
  readonly modules: readonly { readonly member_norms: readonly number[] }[];
}

test('a preview tells what a rank would keep, and nothing is made', async () => {
  const exact = (await compose({ members: both(), preview: true })).body['report'] as Report;
  expect(exact).toMatchObject({ stack_rank: 7, rank: 7, overall: { relative_error: 0 } });
  const cut = (await compose({ members: both(), rank: 4, preview: true })).body['report'] as Report;
  expect(cut.rank).toBe(4);
  expect(cut.overall.kept_energy).toBeLessThan(1);
  expect(cut.overall.kept_energy).toBeCloseTo(1 - cut.overall.relative_error ** 2, 10);
  expect(cut.modules[0]!.member_norms).toHaveLength(2);
  const share = (await compose({ members: both(), energy: 0.9, preview: true })).body['report'] as Report;
  expect(share.overall.kept_energy).toBeGreaterThanOrEqual(0.9);
  // Weights are those of this request, whatever an earlier one had.
  const other = [
    { adapter: a, weight: 0.7 },
    { adapter: b, weight: 0 },
  ];
  const alone = (await compose({ members: other, preview: true })).body['report'] as Report;
  expect(alone.recipe_id).not.toBe(exact.recipe_id);
  expect((await api.call('GET', '/v1/compositions')).body.data).toEqual([]);
});

test('one adapter with opposite weights adds up to exactly nothing', async () => {
  const members = [
    { adapter: a, weight: 1 },
    { adapter: a, weight: -1 },
  ];
  const { overall } = (await compose({ members, preview: true })).body['report'] as Report & {
    overall: { norm: number };
  };
  expect(overall).toMatchObject({ norm: 0, kept_energy: 1 });
});

test.each([
  ['no members', () => ({ members: [] }), 'members', 'invalid_request'],
  [
    'an unknown adapter',
    () => ({ members: [{ adapter: 'adapter-x', weight: 1 }] }),
    'members.0.adapter',
    'adapter_not_found',
  ],
  [
    'an unknown checkpoint',
    () => ({ members: [{ checkpoint: 'ftckpt_x', weight: 1 }] }),
    'members.0.checkpoint',
    'checkpoint_not_found',
  ],
  ['no id', () => ({ members: [{ weight: 1 }] }), 'members.0', 'invalid_request'],
  ['weights that are all 0', () => ({ members: [{ adapter: a, weight: 0 }] }), 'members', 'weights_all_zero'],
  ['a rank above the stack', () => ({ members: both(), rank: 8 }), 'rank', 'rank_above_stack'],
  ['an energy that is no share', () => ({ members: both(), energy: 1.5 }), 'energy', 'energy_invalid'],
  ['rank and energy', () => ({ members: both(), energy: 0.5, rank: 2 }), 'energy', 'invalid_request'],
  [
    'another base model',
    () => ({ members: [...both(), { adapter: stranger, weight: 1 }] }),
    'members',
    'base_mismatch',
  ],
  ['an unknown field', () => ({ members: both(), ranks: 8 }), 'ranks', 'invalid_request'],
])('%s is refused with the field, previewed or not', async (_, body, param, code) => {
  for (const preview of [true, false]) {
    const answer = await compose({ ...body(), preview });
    const { error } = answer.body;
    expect({ status: answer.status, param: error.param, code: error.code }).toEqual({
      status: 400,
      param,
      code,
    });
  }
});

test('both base models are named, and a weight that no number can hold is refused', async () => {
  const { body } = await compose({ members: [...both(), { adapter: stranger, weight: 1 }] });
  for (const name of [a, stranger, 'sha256:other']) expect(body.error.message).toContain(name);
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
    await tasks.fail({ id: claimed.id, attempt: claimed.attempt }, { code: 'x', message: 'x' }, true);
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
  expect(await tasks.finishExport({ id, attempt: 1 }, [])).toBe(false);
  await api.platform.database.query(
    `UPDATE task SET heartbeat_at = now() - interval '1 hour' WHERE id = $1`,
    [id],
  );
  expect(await tasks.putBackLost(0)).toBe(1);
  expect((await tasks.claim('w3'))?.attempt).toBe(3);
  expect(await tasks.finishExport({ id, attempt: 3 }, [])).toBe(true);
  expect((await api.call('GET', `/v1/exports/${id}`)).body.status).toBe('succeeded');
  expect((await api.call('DELETE', `/v1/exports/${id}`)).status).toBe(200);
  expect((await api.call('GET', `/v1/exports/${id}`)).status).toBe(404);
});

test('an export needs the base model that the adapter was trained on', async () => {
  const { status, body } = await api.call('POST', '/v1/exports', { adapter: stranger });
  expect({ status, param: body.error.param, code: body.error.code }).toEqual({
    status: 400,
    param: 'adapter',
    code: 'base_changed',
  });
  expect((await api.call('POST', '/v1/exports', { adapter: a, dtype: 'f8' })).body.error.param).toBe('dtype');
});
