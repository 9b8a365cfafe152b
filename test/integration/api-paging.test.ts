/** Every list of the API, read page by page while what was read is deleted. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Claims } from '#jobs/claims.js';
import { writeProgress } from '#jobs/progress.js';
import { sweep } from '#jobs/sweeps.js';
import { Adapter } from '#platform/database/entities/adapter.js';
import { Checkpoint } from '#platform/database/entities/checkpoint.js';
import { Project } from '#platform/database/entities/project.js';
import { type ApiServer, fileForm, startApi, sums } from './api-server.js';
import { storeAdapter } from './composed-adapters.js';

const count = 7;
let api: ApiServer;
let job: { model: string; training_file: string };
/** What happened to it fills lists of its own. */
let jobId: string;
let adapter: string;
/** The model whose permissions are listed. */
let lent = '';

beforeAll(async () => {
  api = await startApi({ environment: { HF_TOKEN: 'hf_of_tests' } });
  job = await api.smallJob();
  adapter = await storeAdapter(api.platform, { seed: 1, r: 2 });
  jobId = (await api.call('POST', '/v1/fine_tuning/jobs', job)).body.id;
  const { attempt } = (await new Claims(api.platform).claimJob(jobId, 'worker-t', 'cpu'))!;
  for (let step = 1; step <= count; step++) {
    await writeProgress(
      api.platform,
      { jobId, attempt },
      {
        metrics: [{ step, kind: 'step', values: { loss: 1 } }],
        checkpoint: { step, best: false, files: [], metrics: {} },
      },
    );
    // The newest two are kept; here all are, until they are read.
    kept.push(...(await api.platform.database.manager.findBy(Checkpoint, { jobId, step })));
  }
  await api.platform.database.manager.upsert(Checkpoint, kept, ['id']);
}, 120_000);
afterAll(() => api[Symbol.asyncDispose]());

const kept: Checkpoint[] = [];

interface List {
  /** With `{id}` for the job. */
  readonly path: string;
  readonly orders: readonly (string | null)[];
  /** Makes the objects of the list. */
  readonly fill?: () => Promise<void>;
  /** Takes one away as its owner does. */
  readonly remove?: (id: string) => Promise<void>;
}

const post = (path: string, body: unknown) => async () => {
  for (let i = 0; i < count; i++) expect((await api.call('POST', path, body)).status).toBe(200);
};
const erase = (path: string) => async (id: string) => {
  expect((await api.call('DELETE', `${path}/${id}`)).status).toBe(200);
};
const composition = () => ({ members: [{ adapter, weight: 1 }] });

const lists: readonly List[] = [
  {
    path: '/v1/files',
    orders: ['asc', 'desc', null],
    fill: () => fillFiles(),
    remove: erase('/v1/files'),
  },
  {
    path: '/v1/fine_tuning/jobs',
    orders: ['asc', 'desc', null],
    fill: () => fillJobs(),
    remove: async (id) => {
      // That one runs, and its events and metrics are read below.
      if (id === jobId) return;
      await api.call('POST', `/v1/fine_tuning/jobs/${id}/cancel`);
      await erase('/v1/fine_tuning/jobs')(id);
    },
  },
  {
    path: '/v1/adapters',
    orders: [null],
    fill: async () => {
      for (let i = 0; i < count; i++) await storeAdapter(api.platform, { seed: 10 + i, r: 2 });
    },
    remove: async (id) => {
      if (id !== adapter) await erase('/v1/adapters')(id);
    },
  },
  {
    path: '/v1/compositions',
    orders: [null],
    fill: () => post('/v1/compositions', composition())(),
    remove: erase('/v1/compositions'),
  },
  {
    path: '/v1/exports',
    orders: [null],
    fill: () => post('/v1/exports', { adapter })(),
    remove: erase('/v1/exports'),
  },
  {
    path: '/v1/pushes',
    orders: [null],
    fill: () => post('/v1/pushes', { adapter, repository: 'org/name' })(),
    remove: erase('/v1/pushes'),
  },
  {
    path: '/v1/shares',
    orders: [null],
    fill: () => post('/v1/shares', { adapter })(),
    remove: erase('/v1/shares'),
  },
  {
    path: '/v1/webhooks',
    orders: [null],
    fill: () => post('/v1/webhooks', { url: 'https://hook.example' })(),
    remove: erase('/v1/webhooks'),
  },
  {
    path: '/v1/fine_tuning/checkpoints/{model}/permissions',
    orders: ['ascending', 'descending', null],
    fill: () => fillPermissions(),
    remove: (id) => erase(`/v1/fine_tuning/checkpoints/${encodeURIComponent(lent)}/permissions`)(id),
  },
  { path: '/v1/fine_tuning/jobs/{id}/events', orders: ['asc', 'desc', null] },
  { path: '/v1/fine_tuning/jobs/{id}/metrics', orders: ['asc', 'desc', null] },
  {
    path: '/v1/fine_tuning/jobs/{id}/checkpoints',
    orders: [null],
    remove: async (id) => void (await api.platform.database.manager.delete(Checkpoint, { id })),
  },
];

async function fillFiles(): Promise<void> {
  for (let i = 0; i < count; i++) await api.call('POST', '/v1/files', fileForm(sums(1)));
}

/** On a file of their own: those of the list of files are deleted. */
async function fillJobs(): Promise<void> {
  const { id } = (await api.call('POST', '/v1/files', fileForm(sums(40)))).body;
  await post('/v1/fine_tuning/jobs', { ...job, training_file: id })();
}

/** Of a model of their own, to new projects. */
async function fillPermissions(): Promise<void> {
  const { manager } = api.platform.database;
  const id = await storeAdapter(api.platform, { seed: 3, r: 2 });
  lent = (await manager.findOneByOrFail(Adapter, { id })).name;
  const projects = Array.from({ length: count }, (_, i) => ({ id: `proj_${id}_${i}`, name: `${id} ${i}` }));
  await manager.insert(Project, projects);
  const path = `/v1/fine_tuning/checkpoints/${encodeURIComponent(lent)}/permissions`;
  const { status } = await api.call('POST', path, { project_ids: projects.map((project) => project.id) });
  expect(status).toBe(200);
}

const named = (path: string) => path.replace('{id}', jobId).replace('{model}', encodeURIComponent(lent));

const get = async (path: string) => {
  const answer = await api.call('GET', named(path));
  expect(answer.status, answer.text).toBe(200);
  return answer.body;
};

/** Ids of all pages. What was read is taken away before the next page is asked for. */
async function read({ path, remove }: List, query: string): Promise<string[]> {
  const seen: string[] = [];
  for (let after = ''; ;) {
    const page = await get(`${path}?limit=2${query}${after}`);
    seen.push(...page.data.map(({ id }) => id));
    for (const { id } of page.data) await remove?.(id);
    // What is deleted may be gone altogether before the next page.
    await sweep(api.platform, api.platform.log);
    if (!page.has_more) return seen;
    after = `&after=${page.last_id}`;
  }
}

test('the table has every list of the document that has pages, in every order that it takes', async () => {
  const { paths } = (await api.call('GET', '/docs-json')).body as unknown as {
    paths: Record<string, { get?: { parameters?: { name: string; schema: { enum?: string[] } }[] } }>;
  };
  const paged = Object.entries(paths).flatMap(([path, { get: route }]) => {
    const parameters = route?.parameters ?? [];
    if (!parameters.some(({ name }) => name === 'after')) return [];
    const orders = parameters.find(({ name }) => name === 'order')?.schema.enum ?? [];
    return [`${path} ${[...orders, null].join()}`];
  });
  const tested = lists.map(({ path, orders }) => `${path} ${orders.join()}`);
  expect(tested.toSorted()).toEqual(paged.toSorted());
});

describe.each(
  lists.flatMap((list) => list.orders.map((order) => [list.path, order ?? 'usual', list] as const)),
)('%s in %s order', (_, order, list) => {
  test('is read without gaps while what was read is deleted', async () => {
    await list.fill?.();
    const query = order === 'usual' ? '' : `&order=${order}`;
    const whole = await get(`${list.path}?limit=100${query}`);
    const ids = whole.data.map(({ id }) => id);
    expect(ids.length).toBeGreaterThanOrEqual(count);
    expect(await read(list, query)).toEqual(ids);
  });
});

test.each(['events', 'metrics'])('%s some of which are missing are read to the end', async (kind) => {
  const path = `/v1/fine_tuning/jobs/{id}/${kind}`;
  const all = await read({ path, orders: [] }, '&order=asc');
  const table = kind === 'events' ? 'job_event' : 'metric';
  await api.platform.database.query(`UPDATE "${table}" SET seq = seq + 1000 WHERE job_id = $1 AND seq > 3`, [
    jobId,
  ]);
  const [up, down] = [
    await read({ path, orders: [] }, '&order=asc'),
    await read({ path, orders: [] }, '&order=desc'),
  ];
  await api.platform.database.query(
    `UPDATE "${table}" SET seq = seq - 1000 WHERE job_id = $1 AND seq > 1000`,
    [jobId],
  );
  expect(up).toHaveLength(all.length);
  expect(down).toEqual(up.toReversed());
});

test('a filter that leaves out the last row of a page since then does not end the list', async () => {
  await fillJobs();
  const queued = await get('/v1/fine_tuning/jobs?status=queued&limit=100');
  const list: List = {
    path: '/v1/fine_tuning/jobs',
    orders: [],
    remove: async (id) => void (await api.call('POST', `/v1/fine_tuning/jobs/${id}/cancel`)),
  };
  expect(await read(list, '&status=queued')).toEqual(queued.data.map(({ id }) => id));
  expect((await get('/v1/fine_tuning/jobs?status=queued')).data).toEqual([]);
});

test('an id that was never in the list is refused', async () => {
  for (const { path } of lists) {
    const { status, body } = await api.call('GET', `${named(path)}?after=none`);
    expect({ path, status, param: body.error.param }).toEqual({ path, status: 400, param: 'after' });
  }
});

test('a long history in a table that the database knows nothing of is read in no time', async () => {
  const [first, steps] = [1000, 5000];
  const { database } = api.platform;
  await database.query(
    `INSERT INTO metric (job_id, step, kind, seq, "values", attempt)
      SELECT $1, i, 'step', i, '{"loss": 1}', 1 FROM generate_series($2::int, $3::int) AS i`,
    [jobId, first, first + steps - 1],
  );
  const asked = performance.now();
  let read = 0;
  for (let after = ''; ;) {
    const { body } = await api.call('GET', `/v1/fine_tuning/jobs/${jobId}/metrics?limit=500${after}`);
    read += body.data.length;
    if (!body.has_more) break;
    after = `&after=${body.last_id}`;
  }
  expect(read).toBeGreaterThanOrEqual(steps);
  expect(performance.now() - asked).toBeLessThan(3000);
  await database.query(`DELETE FROM metric WHERE job_id = $1 AND seq >= $2`, [jobId, first]);
});

const long = `repeat('a', 300000)`;
const longObject = `jsonb_build_object('a', ${long})`;
/** What makes the rows of lists large. */
const enlarge: Readonly<Record<string, string>> = {
  '/v1/files': `UPDATE stored_file SET filename = ${long}`,
  '/v1/fine_tuning/jobs': `UPDATE job SET metadata = ${longObject}`,
  '/v1/adapters': `UPDATE adapter SET config = config || ${longObject}`,
  '/v1/compositions': `UPDATE task SET error = ${longObject}`,
  '/v1/fine_tuning/jobs/{id}/events': `UPDATE job_event SET message = ${long}`,
  '/v1/fine_tuning/jobs/{id}/metrics': `UPDATE metric SET "values" = ${longObject}`,
  '/v1/fine_tuning/jobs/{id}/checkpoints': `UPDATE checkpoint SET metrics = ${longObject}`,
};

test.each(Object.keys(enlarge))('large rows make small pages of %s, and none is left out', async (path) => {
  const list = lists.find((list) => list.path === path)!;
  if (path.endsWith('/checkpoints')) await api.platform.database.manager.upsert(Checkpoint, kept, ['id']);
  await list.fill?.();
  const ids = (await get(`${path}?limit=100`)).data.map(({ id }) => id);
  expect(ids.length).toBeGreaterThanOrEqual(count);
  await api.platform.database.query(enlarge[path]!);
  const seen: string[] = [];
  for (let after = ''; ;) {
    const { text, body } = await api.call('GET', `${path}?limit=100${after}`.replace('{id}', jobId));
    expect(text.length).toBeLessThan(1.2e6);
    seen.push(...body.data.map(({ id }) => id));
    if (!body.has_more) break;
    after = `&after=${body.last_id}`;
  }
  expect(seen).toEqual(ids);
});
