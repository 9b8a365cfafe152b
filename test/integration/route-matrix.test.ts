/** Every route of the API's document, asked without a key, with a wrong one, by two projects and by an administrator. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Claims } from '#jobs/claims.js';
import { Adapter } from '#platform/database/entities/adapter.js';
import { type ApiServer, fileForm, startApi, sums } from './api-server.js';
import { storeAdapter } from './composed-adapters.js';

interface Document {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, unknown>> };
}

interface Operation {
  readonly operationId: string;
  readonly summary?: string;
  readonly security?: readonly object[];
  readonly responses: Readonly<Record<string, unknown>>;
}

interface Route {
  readonly method: string;
  readonly path: string;
  readonly operation: Operation;
}

let api: ApiServer;
let document: Document;
let routes: Route[];
let ours: Record<string, string>;
let theirs: Record<string, string>;
let admin: Record<string, string>;
/** Ids of objects of the other project, for the paths of the document. */
let foreign: Readonly<Record<string, string>>;

/** What the document says that only administrators may. */
const isAdmins = ({ operation }: Route) => '403' in operation.responses;
const isPublic = (path: string) => path === '/health' || path === '/ready' || path.startsWith('/s/');

beforeAll(async () => {
  api = await startApi();
  document = (await api.call('GET', '/docs-json')).body as unknown as Document;
  routes = Object.entries(document.paths).flatMap(([path, operations]) =>
    Object.entries(operations).map(([method, operation]) => ({
      method: method.toUpperCase(),
      path,
      operation,
    })),
  );
  const bearer = async (project: string, role: 'admin' | 'project' = 'project') => {
    const { secret } = await api.keys.create({ name: project, project, role });
    return { authorization: `Bearer ${secret}` };
  };
  ours = await bearer('ours');
  theirs = await bearer('theirs');
  admin = await bearer('root', 'admin');
  foreign = await makeForeign();
}, 120_000);
afterAll(() => api[Symbol.asyncDispose]());

async function makeForeign(): Promise<Record<string, string>> {
  const job = await api.smallJob(theirs);
  const made = await api.call('POST', '/v1/fine_tuning/jobs', job, theirs);
  const { id } = made.body;
  const { attempt } = (await new Claims(api.platform).claimJob(id, 'worker-t', 'cpu'))!;
  await new Claims(api.platform).finish(
    { jobId: id, attempt },
    { end: 'succeeded', trainedTokens: 1, adapter: { config: {}, files: [], sha256: '0' } },
  );
  const done = (await api.call('GET', `/v1/fine_tuning/jobs/${id}`, undefined, theirs)).body;
  const adapter = await storeAdapter(api.platform, { seed: 1, r: 2, project: await projectOf(done.adapter) });
  const composed = await api.call('POST', '/v1/compositions', { members: [{ adapter, weight: 1 }] }, theirs);
  const exported = await api.call('POST', '/v1/exports', { adapter }, theirs);
  const hooked = await api.call('POST', '/v1/webhooks', { url: 'https://hook.example' }, theirs);
  const upload = { filename: 'a.jsonl', purpose: 'fine-tune', bytes: 10, mime_type: 'text/jsonl' };
  const begun = await api.call('POST', '/v1/uploads', upload, theirs);
  const shared = await api.call('POST', '/v1/shares', { adapter }, theirs);
  return {
    '/v1/compositions': composed.body.id,
    '/v1/exports': exported.body.id,
    '/v1/pushes': 'push-none',
    '/v1/shares': shared.body.id,
    '/v1/uploads': begun.body.id,
    '/v1/webhooks': hooked.body.id,
    '/v1/files': job.training_file,
    '/v1/fine_tuning/jobs': id,
    '/v1/adapters': done.adapter,
    '/v1/models': encodeURIComponent(String(done['fine_tuned_model'])),
    '/v1/base_models/registrations': 'registration-none',
    '/v1/base_models': 'tiny',
  };
}

async function projectOf(adapterId: string): Promise<string> {
  const { projectId } = await api.platform.database.manager.findOneByOrFail(Adapter, { id: adapterId });
  return projectId;
}

/** A path with the ids of another project's objects in it. */
function foreignPath(path: string): string {
  if (path.startsWith('/s/')) return path.replace('{token}', 'x'.repeat(42)).replace('{name}', 'README.md');
  if (path.includes('{model}')) {
    return path.replace('{model}', foreign['/v1/models']!).replace('{id}', 'cp_none');
  }
  const id = Object.entries(foreign).find(
    ([start]) => path.startsWith(`${start}/{id}`) || path.startsWith(`${start}/{name}`),
  )?.[1];
  if (id === undefined) throw new Error(`the matrix knows no object of another project for ${path}: add one`);
  if (!path.includes('{id}')) return path.replace('{name}', id);
  return path.replace('{id}', id).replace('{name}', 'README.md').replace('{tracker}', 'tensorboard');
}

/** What is looked at before the object is looked for. */
const bodyOf = (path: string) => (path.endsWith('/complete') ? { part_ids: ['part_none'] } : {});

const ask = ({ method, path }: { method: string; path: string }, headers: Record<string, string>) =>
  api.call(method, path, method === 'POST' ? bodyOf(path) : undefined, headers);

test('projects push nothing to a hub that their administrator did not name, and nobody does without an account', async () => {
  const adapter = foreign['/v1/adapters']!;
  for (const [headers, fix] of [
    [theirs, 'LOWRANK_HUB_ALLOW_PUSH'],
    [admin, 'HF_TOKEN'],
  ] as const) {
    const { status, body } = await api.call(
      'POST',
      '/v1/pushes',
      { adapter, repository: 'org/name' },
      headers,
    );
    expect({ status, code: body.error.code, param: body.error.param }).toEqual({
      status: 403,
      code: 'push_refused',
      param: 'repository',
    });
    expect(body.error.message).toContain(fix);
  }
});

test('the document lists the routes that there are, each with a summary and its answers', () => {
  expect(document.openapi).toBe('3.1.0');
  expect(routes.length).toBeGreaterThan(30);
  for (const { operation, path, method } of routes) {
    expect(operation.summary, `${method} ${path}`).toMatch(/^[A-Z].{8,}/);
    expect(Object.keys(operation.responses)).toContain('200');
  }
  expect(new Set(routes.map(({ operation }) => operation.operationId)).size).toBe(routes.length);
});

test('everything that the document refers to is in it', () => {
  const text = JSON.stringify(document);
  const references = [...text.matchAll(/"\$ref":"([^"]+)"/g)].map(([, reference]) => reference!);
  expect(references.length).toBeGreaterThan(20);
  for (const reference of new Set(references)) {
    const name = /^#\/components\/schemas\/(\w+)$/.exec(reference)?.[1];
    expect(document.components.schemas, reference).toHaveProperty(String(name));
  }
});

describe('every route', () => {
  test('answers 401 without a key and with one that is not known', async () => {
    for (const route of routes.filter(({ path }) => !isPublic(path))) {
      const what = `${route.method} ${route.path}`;
      const path = route.path.includes('{') ? foreignPath(route.path) : route.path;
      for (const headers of [{}, { authorization: 'Bearer lr-wrong' }, { authorization: 'Bearer' }]) {
        const { status, body } = await ask({ ...route, path }, headers as Record<string, string>);
        expect(status, what).toBe(401);
        expect(body.error.code, what).toBe('invalid_api_key');
      }
      expect(route.operation.security, what).toBeDefined();
    }
  });

  test("answers 404 for another project's object, as for one that is not there", async () => {
    const withIds = routes.filter((route) => route.path.includes('{') && !isAdmins(route));
    expect(withIds.length).toBeGreaterThan(15);
    for (const route of withIds) {
      const what = `${route.method} ${route.path}`;
      const path = foreignPath(route.path);
      const { status, text } = await ask({ ...route, path }, ours);
      expect(status, what).toBe(404);
      const missing = path.replace(
        /(file|ftjob|adapter|registration|composition|export|share|webhook)-\w+|upload_\w+|ft%3A[^/]+/,
        'absent',
      );
      const other = await ask({ ...route, path: missing }, ours);
      expect(other.status, what).toBe(404);
      const plain = (answer: string) =>
        answer.replaceAll(
          /ft:[\w:.-]+|(file|ftjob|adapter|registration|composition|export|share|webhook)-\w+|upload_\w+|absent/g,
          'ID',
        );
      expect(plain(text), what).toBe(plain(other.text));
    }
  });

  test('of the server itself answers administrators only', async () => {
    const names = routes.filter(isAdmins).map(({ method, path }) => `${method} ${path}`);
    expect(names.toSorted()).toEqual([
      'DELETE /v1/base_models/{name}',
      'DELETE /v1/fine_tuning/checkpoints/{model}/permissions/{id}',
      'GET /v1/base_models/registrations/{id}',
      'GET /v1/fine_tuning/checkpoints/{model}/permissions',
      'GET /v1/keys',
      'POST /v1/base_models',
      'POST /v1/base_models/registrations/{id}/cancel',
      'POST /v1/fine_tuning/checkpoints/{model}/permissions',
    ]);
    const before = (await api.call('GET', '/v1/models', undefined, admin)).text;
    const folder = `${api.home}/models-of-tests/tiny`;
    for (const route of routes.filter(isAdmins)) {
      const what = `${route.method} ${route.path}`;
      const path = route.path.includes('{') ? foreignPath(route.path) : route.path;
      for (const body of route.method === 'POST'
        ? [{}, { folder }, { folder, replace: true }]
        : [undefined]) {
        for (const headers of [ours, theirs]) {
          const { status, text } = await api.call(route.method, path, body, headers);
          expect(
            { status, code: (JSON.parse(text) as { error: { code: string } }).error.code },
            what,
          ).toEqual({
            status: 403,
            code: 'admin_required',
          });
        }
      }
    }
    expect((await api.call('GET', '/v1/models', undefined, ours)).text).toContain('"tiny"');
    expect((await api.call('GET', '/v1/models', undefined, admin)).text).toBe(before);
    expect((await api.call('POST', '/v1/base_models', { folder }, admin)).body.status).toBe('done');
  });

  test("shows a project's key no path of the server", async () => {
    for (const route of routes.filter(({ path, method }) => !isPublic(path) && method !== 'DELETE')) {
      const own = route.path.includes('{') ? foreignPath(route.path) : route.path;
      const { text } = await ask({ ...route, path: own }, theirs);
      expect(text, `${route.method} ${route.path}`).not.toContain(api.home);
    }
  });

  test('counts for a project what is its own, and everything for an administrator', async () => {
    const { training_file } = await api.smallJob(ours);
    const job = { model: 'tiny', training_file };
    expect((await api.call('POST', '/v1/fine_tuning/jobs', job, ours)).status).toBe(200);
    const queue = async (headers: Record<string, string>) =>
      (await api.call('GET', '/v1/queue', undefined, headers)).body as unknown as {
        jobs: Record<string, number>;
        waiting: number;
      };
    expect(await queue(ours)).toMatchObject({ jobs: { queued: 1 }, waiting: 1 });
    expect((await queue(theirs)).jobs).toEqual({});
    expect((await queue(admin)).jobs).toMatchObject({ queued: 1 });
    const metrics = async (headers: Record<string, string>) =>
      (await api.call('GET', '/metrics', undefined, headers)).text;
    expect(await metrics(ours)).toContain('lowrank_jobs{state="queued"} 1');
    expect(await metrics(ours)).toContain('lowrank_jobs{state="succeeded"} 0');
    expect(await metrics(theirs)).toContain('lowrank_jobs{state="succeeded"} 1');
    expect(await metrics(theirs)).not.toMatch(/lowrank_http|lowrank_queue|lowrank_workers|process_cpu/);
    const all = await metrics(admin);
    for (const part of [
      'lowrank_jobs{state="succeeded"} 1',
      'lowrank_http_request',
      'lowrank_queue_entries',
    ]) {
      expect(all.includes(part), part).toBe(true);
    }
  });

  test("that lists shows nothing of another project's", async () => {
    // Base models are everybody's.
    const { '/v1/base_models': _, ...owned } = foreign;
    const ids = Object.values(owned).map(decodeURIComponent);
    for (const route of routes.filter(({ method, path }) => method === 'GET' && !path.includes('{'))) {
      const { text } = await ask(route, ours);
      for (const id of ids) expect(text, route.path).not.toContain(id);
    }
  });

  test("that takes ids takes none of another project's", async () => {
    const { training_file: file } = await api.smallJob(ours);
    const adapter = foreign['/v1/adapters']!;
    const job = { model: 'tiny', training_file: file };
    const bodies: readonly [object, string][] = [
      [{ ...job, training_file: foreign['/v1/files'] }, 'training_file'],
      [{ ...job, validation_file: foreign['/v1/files'] }, 'validation_file'],
      [{ ...job, init_adapter: adapter }, 'init_adapter'],
      [{ ...job, model: decodeURIComponent(foreign['/v1/models']!) }, 'model'],
      [{ ...job, organization_id: 'theirs' }, 'organization_id'],
      [{ ...job, status: 'succeeded' }, 'status'],
    ];
    for (const [body, param] of bodies) {
      for (const path of ['/v1/fine_tuning/jobs', '/v1/fine_tuning/plan']) {
        const answer = await api.call('POST', path, body, ours);
        expect({ status: answer.status, param: answer.body.error.param }).toEqual({ status: 400, param });
      }
    }
    const mixed = { model: 'tiny', members: [{ adapter, weight: 1 }] };
    const messages = [{ role: 'user', content: 'a' }];
    const others: readonly [string, object, string][] = [
      ['/v1/compositions', { members: [{ adapter, weight: 1 }] }, 'members.0.adapter'],
      ['/v1/compositions', { members: [{ adapter, weight: 1 }], preview: true }, 'members.0.adapter'],
      ['/v1/exports', { adapter }, 'adapter'],
      ['/v1/shares', { adapter }, 'adapter'],
      ['/v1/completions', { prompt: 'a', ...mixed }, 'members.0.adapter'],
      ['/v1/chat/completions', { messages, ...mixed }, 'members.0.adapter'],
    ];
    for (const [path, body, param] of others) {
      const answer = await api.call('POST', path, body, ours);
      expect({ status: answer.status, param: answer.body.error.param }).toEqual({ status: 400, param });
    }
    for (const model of [adapter, decodeURIComponent(foreign['/v1/models']!)]) {
      for (const [path, body] of [
        ['/v1/completions', { model, prompt: 'a' }],
        ['/v1/chat/completions', { model, messages }],
      ] as const) {
        const { status, body: answer } = await api.call('POST', path, body, ours);
        expect({ status, code: answer.error.code }).toEqual({ status: 404, code: 'model_not_found' });
      }
    }
    for (const [path, after] of [
      ['/v1/files', '/v1/files'],
      ['/v1/fine_tuning/jobs', '/v1/fine_tuning/jobs'],
      ['/v1/adapters', '/v1/adapters'],
      ['/v1/compositions', '/v1/compositions'],
      ['/v1/exports', '/v1/exports'],
      ['/v1/shares', '/v1/shares'],
    ] as const) {
      const answer = await api.call('GET', `${path}?after=${foreign[after]!}`, undefined, ours);
      expect(answer.status, path).toBe(400);
    }
  });

  test("of another project's objects left them as they were", async () => {
    for (const path of ['/v1/files', '/v1/fine_tuning/jobs', '/v1/adapters', '/v1/models']) {
      const { status } = await api.call('GET', `${path}/${foreign[path]!}`, undefined, theirs);
      expect(status, path).toBe(200);
    }
    expect((await api.call('POST', '/v1/files', fileForm(sums(1)), theirs)).status).toBe(200);
  });
});
