/** Who may make base models of which folders, and what others see of them. */
import { cp, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Claims } from '#jobs/claims.js';
import { versionOf } from '#jobs/base-model-versions.js';
import { BaseModel } from '#platform/database/entities/base-model.js';
import { Registration } from '#platform/database/entities/registration.js';
import { Job } from '#platform/database/entities/job.js';
import { BaseModels } from '../../apps/api/src/models/base-models.js';
import type { Planner } from '../../apps/api/src/planner/planner.service.js';
import { HubModels } from '../../apps/api/src/models/hub-models.service.js';
import { RegistrationsService } from '../../apps/api/src/models/registrations.service.js';
import { eventually } from '../contract/waiting.js';
import { writeTinyModel } from '../e2e/tiny-job.js';
import { type StubHub, stubHub } from '../stub-hub.js';
import { type ApiServer, startApi } from './api-server.js';

let hub: StubHub;
let api: ApiServer;
let folder: string;
let roots: string;
let admin: Record<string, string>;
let user: Record<string, string>;

beforeAll(async () => {
  hub = await stubHub();
  const shared = await mkdtemp(join(tmpdir(), 'hf-home-'));
  api = await startApi({
    environment: {
      HF_ENDPOINT: hub.url,
      HF_HOME: shared,
      HF_TOKEN: 'of-the-server',
      LOWRANK_HUB_ALLOW: 'org/*',
    },
  });
  roots = join(api.home, 'models-of-tests');
  folder = join(roots, 'tiny');
  await api.smallJob();
  const bearer = async (role: 'admin' | 'project') => {
    const { secret } = await api.keys.create({ name: role, role, project: role });
    return { authorization: `Bearer ${secret}` };
  };
  admin = await bearer('admin');
  user = await bearer('project');
}, 120_000);
afterAll(async () => {
  await api[Symbol.asyncDispose]();
  await hub.close();
  await rm(join(api.platform.configuration.hub.cache, '..'), { recursive: true, force: true });
});

const register = (body: object, headers = admin) => api.call('POST', '/v1/base_models', body, headers);
const models = async () => (await api.call('GET', '/v1/models', undefined, admin)).text;

/** The same weights under another identity. */
async function copyOf(name: string, content = 'x'): Promise<string> {
  const copy = join(roots, name);
  await cp(folder, copy, { recursive: true });
  await writeFile(join(copy, 'special_tokens_map.json'), JSON.stringify({ unk_token: content }));
  return copy;
}

describe('registering', () => {
  test('needs an administrator, also to see how far it has come', async () => {
    const before = await models();
    const refused = await register({ folder, name: 'mine' }, user);
    expect({ status: refused.status, code: refused.body.error.code }).toEqual({
      status: 403,
      code: 'admin_required',
    });
    const done = await register({ folder });
    expect(done.body).toMatchObject({ status: 'done', folder });
    const path = `/v1/base_models/registrations/${done.body.id}`;
    expect((await api.call('GET', path, undefined, user)).status).toBe(403);
    expect((await api.call('GET', path, undefined, admin)).status).toBe(200);
    expect(await models()).toBe(before);
  });

  test('that is refused changes neither the list nor the record of the files', async () => {
    const record = join(api.home, 'models/tiny/model.json');
    const before = [await models(), await readFile(record, 'utf8')];
    const taken = await register({ folder: await copyOf('other'), name: 'tiny' });
    expect(taken.body).toMatchObject({ status: 'failed', error: { code: 'model_name_taken' } });
    expect([await models(), await readFile(record, 'utf8')]).toEqual(before);
  });

  const pointer = 'version https://git-lfs.github.com/spec/v1\noid sha256:hunter2\nsize 123\n';
  const again = /[Dd]ownload the file again/;
  const index = 'model.safetensors.index.json';
  const weights = 'model.safetensors';
  /** What a file is turned into; undefined takes it away. */
  type Damage = (content: Buffer) => Buffer | string | undefined;
  const cut: Damage = (content) => content.subarray(0, content.length >> 1);
  const newDtype: Damage = (content) =>
    Buffer.from(content.toString('latin1').replace('"F32"', '"F99"'), 'latin1');
  test.each<[file: string, what: string, damage: Damage, code: string, fix: RegExp]>([
    ['config.json', 'is other text', () => 'root:hunter2:0:0', 'model_config_invalid', again],
    ['config.json', 'is a pointer', () => pointer, 'model_config_invalid', /git lfs pull/],
    ['config.json', 'is empty', () => '', 'model_config_invalid', again],
    ['config.json', 'is cut', cut, 'model_config_invalid', again],
    ['config.json', 'is missing', () => undefined, 'model_config_missing', /holds config\.json/],
    [index, 'is a pointer', () => pointer, 'weights_index_invalid', /git lfs pull/],
    [index, 'is other text', () => '{"hunter2": hunter2}', 'weights_index_invalid', again],
    [weights, 'is a pointer', () => pointer, 'safetensors_not_a_file', /git lfs pull/],
    [weights, 'is empty', () => '', 'safetensors_too_small', again],
    [weights, 'has half a header', (all) => all.subarray(0, 200), 'safetensors_header_truncated', again],
    [weights, 'has half its data', cut, 'safetensors_truncated', again],
    [weights, 'is other text', () => 'hunter2'.repeat(9), 'safetensors_header_too_large', again],
    [weights, 'has numbers of a dtype to come', newDtype, 'safetensors_unknown_dtype', /as F32, BF16/],
    [weights, 'is missing', () => undefined, 'weights_not_found', /folder of a model/],
    ['tokenizer.json', 'is missing', () => undefined, 'tokenizer_not_found', /save_pretrained/],
    ['tokenizer.json', 'is a pointer', () => pointer, 'tokenizer_invalid', /git lfs pull/],
    ['tokenizer.json', 'is cut', cut, 'tokenizer_invalid', again],
    ['tokenizer.json', 'is other JSON', () => '{"hunter2": {}}', 'tokenizer_invalid', again],
    ['tokenizer_config.json', 'is a pointer', () => pointer, 'tokenizer_invalid', /git lfs pull/],
    ['chat_template.jinja', 'is a pointer', () => pointer, 'chat_template_unreadable', /git lfs pull/],
  ])('is refused where %s %s: it names the file and the fix, and nothing of its content', async (...row) => {
    const [file, , damage, code, fix] = row;
    const broken = join(roots, 'broken');
    await rm(broken, { recursive: true, force: true });
    await cp(folder, broken, { recursive: true });
    const content = await readFile(join(broken, file)).catch(() => Buffer.alloc(0));
    if (file === index) await rm(join(broken, weights));
    await rm(join(broken, file), { force: true });
    const damaged = damage(content);
    if (damaged !== undefined) await writeFile(join(broken, file), damaged);
    const { status, body, text } = await register({ folder: broken });
    expect({ status, param: body.error.param, code: body.error.code }).toEqual({
      status: 400,
      param: 'folder',
      code,
    });
    expect(body.error.message).toContain(file);
    expect(body.error.message).toMatch(fix);
    expect(text).not.toMatch(/hunter|root:/);
  });

  test.each([
    ['config.json', 'model_config_missing'],
    ['model.safetensors', 'safetensors_not_a_file'],
    ['tokenizer.json', 'tokenizer_invalid'],
    ['special_tokens_map.json', 'tokenizer_invalid'],
    ['chat_template.jinja', 'chat_template_unreadable'],
  ])('is refused where %s cannot be read', async (file, code) => {
    const broken = join(roots, 'broken');
    await rm(broken, { recursive: true, force: true });
    await cp(folder, broken, { recursive: true });
    await rm(join(broken, file), { force: true });
    await mkdir(join(broken, file));
    const { status, body } = await register({ folder: broken });
    expect({ status, code: body.error.code }).toEqual({ status: 400, code });
    expect(body.error.message).toMatch(new RegExp(`${file}.* is (a folder, )?not a`));
  });

  test.each([
    ['that is not there', 'absent', /absent is missing/],
    ['that is a file', 'tiny/config.json', /is a file, not a folder/],
  ])('is refused for a folder %s', async (_, name, message) => {
    const { status, body } = await register({ folder: join(roots, name) });
    expect({ status, code: body.error.code }).toEqual({ status: 400, code: 'model_folder_not_found' });
    expect(body.error.message).toMatch(message);
  });
});

describe('a registration in progress', () => {
  const until = async (id: string, status: string) => {
    const path = `/v1/base_models/registrations/${id}`;
    await eventually(async () => {
      expect((await api.call('GET', path, undefined, admin)).body.status).toBe(status);
    });
    return (await api.call('GET', path, undefined, admin)).body;
  };

  test('goes on in the next process when its own is stopped', async () => {
    const never: Pick<BaseModels, 'register'> = {
      register: (_, { signal }) =>
        new Promise((_resolve, reject) => signal!.addEventListener('abort', reject)),
    };
    const sound: Pick<Planner, 'checkModel'> = { checkModel: () => Promise.resolve() };
    const stopped = new RegistrationsService(
      api.platform,
      never as BaseModels,
      sound as Planner,
      api.app.get(HubModels),
    );
    const request = { folder, name: 'handed-over', replace: false, precision: 'as-stored' as const };
    const { id, status } = await stopped.register(request, { hasKey: false });
    expect(status).toBe('running');
    await stopped.onModuleDestroy();
    expect(await until(id, 'done')).toMatchObject({ folder, model: { id: 'handed-over' }, error: null });
  });

  test('goes on in another process when its own was killed, and not while that one lives', async () => {
    const rows = api.platform.database.getRepository(Registration);
    const row = { folder, replace: false, runner: 'api-other' };
    const silent = new Date(Date.now() - 60_000);
    await rows.insert({ ...row, id: 'registration-killed', name: 'killed', touchedAt: silent });
    await rows.insert({ ...row, id: 'registration-alive', name: 'alive' });
    await until('registration-killed', 'done');
    expect(await rows.findOneByOrFail({ id: 'registration-alive' })).toMatchObject({
      status: 'running',
      runner: 'api-other',
    });
  });
});

describe('a model of a hub', () => {
  const path = (id: string) => `/v1/base_models/registrations/${id}`;
  const get = async (id: string) => (await api.call('GET', path(id), undefined, admin)).body;
  const over = async (id: string) => {
    await eventually(async () => expect((await get(id)).status).not.toBe('running'));
    return get(id);
  };
  /** Keeps large files back until it is disposed of. */
  const held = () => {
    let resolve!: () => void;
    hub.gate = new Promise((release) => (resolve = release));
    return {
      [Symbol.dispose]() {
        hub.gate = null;
        resolve();
      },
    };
  };
  beforeAll(async () => {
    for (const name of ['one', 'held', 'stopped', 'closed']) {
      await hub.addFolder(`org/${name}`, folder);
      // Each of its own, so that none finds what another has fetched.
      hub.add(`org/${name}`, [...hub.repositories.get(`org/${name}`)!.files, ['README.md', name]]);
    }
  });

  test('is fetched and becomes a base model of its own name, at a commit that is told', async () => {
    const done = await over((await register({ model: 'org/one' })).body.id);
    const { commit } = hub.repositories.get('org/one')!;
    expect(done).toMatchObject({
      status: 'done',
      hub: { repository: 'org/one', revision: 'main', commit },
      model: { id: 'org/one' },
    });
    const snapshot = join(api.platform.configuration.hub.cache, 'models--org--one/snapshots', commit);
    expect(await readdir(snapshot)).toContain('model.safetensors');
    const row = await api.platform.database.manager.findOneByOrFail(BaseModel, { name: 'org/one' });
    expect(row.folder).toBe(snapshot);
  });

  test('is fetched once for all who ask at once, and tells how far it is', async () => {
    let ids: Set<string>;
    {
      using _ = held();
      const first = await register({ model: 'org/held' });
      const asked = await Promise.all([
        register({ model: 'org/held' }),
        register({ model: 'org/held@main' }),
      ]);
      ids = new Set([first, ...asked].map(({ body }) => body.id));
      expect(ids.size).toBe(1);
      expect(first.body).toMatchObject({ status: 'running', stage: 'fetching', done_bytes: 0 });
      expect(first.body['total_bytes']).toBeGreaterThan(1000);
    }
    expect(await over([...ids][0]!)).toMatchObject({ status: 'done' });
  });

  test('is not registered when it is cancelled, and goes on from there the next time', async () => {
    let id: string;
    {
      using _ = held();
      ({ id } = (await register({ model: 'org/stopped' })).body);
      const stopped = await api.call('POST', `${path(id)}/cancel`, undefined, admin);
      expect(stopped.body).toMatchObject({ status: 'failed', error: { code: 'cancelled' } });
    }
    expect((await api.call('POST', `${path(id)}/cancel`, undefined, admin)).status).toBe(400);
    expect((await api.call('GET', '/v1/models/org%2Fstopped', undefined, admin)).status).toBe(404);
    const again = await over((await register({ model: 'org/stopped' })).body.id);
    expect(again).toMatchObject({ status: 'done' });
  });

  test('that is gated is fetched with the token of the server', async () => {
    hub.repositories.get('org/closed')!.gatedTo = 'of-the-server';
    expect(await over((await register({ model: 'org/closed' })).body.id)).toMatchObject({ status: 'done' });
    hub.repositories.get('org/closed')!.gatedTo = 'of-others';
    hub.add('org/closed', [...hub.repositories.get('org/closed')!.files, ['README.md', 'newer']]).gatedTo =
      'of-others';
    expect(await over((await register({ model: 'org/closed' })).body.id)).toMatchObject({
      status: 'failed',
      error: { code: 'model_gated', message: expect.stringContaining('HF_TOKEN') },
    });
  });

  test.each([
    ['org/none', 'model_not_found'],
    ['org/one@v7', 'model_not_found'],
    ['no name', 'model_name_invalid'],
  ])('called %s is refused at once with %s', async (model, code) => {
    const { status, body } = await register({ model });
    expect({ status, code: body.error.code, param: body.error.param }).toEqual({
      status: 400,
      code,
      param: 'model',
    });
  });

  test('and a folder in one request contradict each other', async () => {
    for (const body of [{ model: 'org/one', folder }, {}]) {
      expect((await register(body)).body.error).toMatchObject({ code: 'invalid_request', param: 'folder' });
    }
  });

  test('goes with its files where that is asked for, but not under a job', async () => {
    const { folder: snapshot } = await api.platform.database.manager.findOneByOrFail(BaseModel, {
      name: 'org/one',
    });
    const { training_file } = await api.smallJob(user);
    const job = await api.call('POST', '/v1/fine_tuning/jobs', { model: 'org/one', training_file }, user);
    const remove = () => api.call('DELETE', '/v1/base_models/org%2Fone?files=true', undefined, admin);
    expect((await remove()).body.error).toMatchObject({ code: 'model_in_use' });
    await api.call('POST', `/v1/fine_tuning/jobs/${job.body.id}/cancel`, undefined, user);
    expect((await remove()).body).toMatchObject({ deleted: true });
    await expect(stat(snapshot)).rejects.toThrow('ENOENT');
    const kept = await api.call('DELETE', '/v1/base_models/tiny?files=true', undefined, admin);
    expect(kept.body.error).toMatchObject({ code: 'model_folder_not_allowed' });
  });
});

describe('a job on a model of a hub', () => {
  let training_file: string;
  const commitOf = (name: string) => hub.repositories.get(name)!.commit;
  const create = async (model: string, headers = user) =>
    api.call('POST', '/v1/fine_tuning/jobs', { model, training_file }, headers);
  const job = async (id: string, headers = user) =>
    (await api.call('GET', `/v1/fine_tuning/jobs/${id}`, undefined, headers)).body;
  const eventsOf = async (id: string) => {
    const { body } = await api.call('GET', `/v1/fine_tuning/jobs/${id}/events?limit=100`, undefined, user);
    return body.data.map(({ message }) => String(message));
  };
  const becomes = (id: string, status: string, headers = user) =>
    eventually(async () => expect((await job(id, headers)).status).toBe(status));
  const fetches = (name: string) =>
    hub.hub.seen.filter(
      ({ path }) => path.startsWith(`/${name}/resolve/`) && path.endsWith('model.safetensors'),
    );
  const stoppable = () => {
    let resolve!: () => void;
    const held = new Promise<void>((release) => (resolve = release));
    return { held, resolve };
  };
  beforeAll(async () => {
    ({ training_file } = await api.smallJob(user));
    for (const name of ['org/waits', 'org/fails', 'org/left', 'org/closed-to-projects', 'else/where']) {
      hub.add(name, [...hub.repositories.get('org/one')!.files, ['README.md', name]]);
    }
    hub.repositories.get('org/closed-to-projects')!.gatedTo = 'of-the-server';
  });

  test('is planned and made at once, waits while its weights come, once for all, and joins the queue', async () => {
    const { held, resolve } = stoppable();
    // Parts, which are the headers of weights, pass.
    hub.gate = held;
    hub.gatesParts = false;
    const plan = await api.call('POST', '/v1/fine_tuning/plan', { model: 'org/waits', training_file }, user);
    expect(plan.body).toMatchObject({ object: 'fine_tuning.plan' });
    const made = await Promise.all([create('org/waits'), create('org/waits'), create('org/waits@main')]);
    for (const { body } of made)
      expect(body).toMatchObject({ status: 'validating_files', model: 'org/waits' });
    expect(await eventsOf(made[0].body.id)).toContain(`Fetching org/waits at ${commitOf('org/waits')}`);
    resolve();
    hub.gate = null;
    for (const { body } of made) await becomes(body.id, 'queued');
    const { manager } = api.platform.database;
    const row = await manager.findOneByOrFail(Job, { id: made[0].body.id });
    const version = (await versionOf(manager, { name: 'org/waits', identity: row.baseIdentity }))!;
    expect(version.folder).toContain(commitOf('org/waits'));
    expect(fetches('org/waits').filter(({ headers }) => headers.range === undefined)).toHaveLength(1);
  });

  test('names another commit and gets that one, and the name stays with the version that has it', async () => {
    const first = await api.call('GET', '/v1/models/org%2Fwaits', undefined, user);
    hub.add('org/waits', [
      ...hub.repositories.get('org/waits')!.files,
      ['special_tokens_map.json', '{"unk_token": "z"}'],
    ]);
    const made = await create(`org/waits@${commitOf('org/waits')}`);
    await becomes(made.body.id, 'queued');
    const { manager } = api.platform.database;
    const { baseIdentity } = await manager.findOneByOrFail(Job, { id: made.body.id });
    expect(baseIdentity).not.toBe(first.body['identity']);
    expect((await versionOf(manager, { name: 'org/waits', identity: baseIdentity }))!.folder).toContain(
      commitOf('org/waits'),
    );
    expect((await api.call('GET', '/v1/models/org%2Fwaits', undefined, user)).body).toEqual(first.body);
    const again = await create(`org/waits@${commitOf('org/waits')}`);
    expect(again.body.status).toBe('queued');
  });

  test('fails with the reason when the model does not come', async () => {
    hub.lie = 'hash';
    const made = await create('org/fails');
    await becomes(made.body.id, 'failed');
    hub.lie = null;
    expect((await job(made.body.id)).error).toMatchObject({ code: 'download_damaged', param: 'model' });
    const again = await create('org/fails');
    await becomes(again.body.id, 'queued');
  });

  test('whose name is not here is told both what may be wrong, where the hub cannot be asked', async () => {
    hub.isDown = true;
    const { status, body } = await create('org/mistyped');
    hub.isDown = false;
    expect([status, body.error.code]).toEqual([503, 'download_failed']);
    expect(body.error.message).toMatch(
      /no base model org\/mistyped is registered here.*spelling.*the hub cannot be asked for org\/mistyped/,
    );
  });

  test('ends the download when it is cancelled and no other waits', async () => {
    const { held, resolve } = stoppable();
    hub.gate = held;
    hub.gatesParts = false;
    const made = await create('org/left');
    await api.call('POST', `/v1/fine_tuning/jobs/${made.body.id}/cancel`, undefined, user);
    const rows = api.platform.database.getRepository(Registration);
    await eventually(async () =>
      expect(await rows.findOneByOrFail({ name: 'org/left' })).toMatchObject({ status: 'failed' }),
    );
    resolve();
    hub.gate = null;
    expect((await job(made.body.id)).status).toBe('cancelled');
    expect((await api.call('GET', '/v1/models/org%2Fleft', undefined, user)).status).toBe(404);
  });

  test('of a project gets what the administrator allows, and the account of the server only where that is said', async () => {
    const before = hub.hub.seen.length;
    expect((await create('else/where')).body.error).toMatchObject({
      code: 'model_not_allowed',
      param: 'model',
      message: expect.stringContaining('LOWRANK_HUB_ALLOW'),
    });
    expect(hub.hub.seen).toHaveLength(before);
    const gated = await create('org/closed-to-projects');
    expect(gated.body.error).toMatchObject({
      code: 'model_gated',
      message: expect.stringContaining('LOWRANK_HUB_ALLOW_TOKEN'),
    });
    expect(hub.hub.seen.slice(before).every(({ headers }) => headers.authorization === undefined)).toBe(true);
    expect((await create('org/absent')).body.error).toMatchObject({
      code: 'model_not_found',
      param: 'model',
    });
  });
});

describe('replacing', () => {
  const identityOf = async (name: string) =>
    String((await api.call('GET', `/v1/models/${name}`, undefined, user)).body['identity']);

  test('makes a new version; jobs and adapters keep the one that they began with', async () => {
    const { manager } = api.platform.database;
    const copy = await copyOf('second');
    await api.register(folder, { name: 'base' });
    const first = await identityOf('base');
    const { training_file } = await api.smallJob(user);
    const create = async (model: string) => {
      const made = await api.call('POST', '/v1/fine_tuning/jobs', { model, training_file }, user);
      return manager.findOneByOrFail(Job, { id: made.body.id });
    };
    const job = await create('base');
    const claims = new Claims(api.platform);
    const { attempt } = (await claims.claimJob(job.id, 'worker-t', 'cpu'))!;
    const adapter = { config: {}, files: [], sha256: '0' };
    await claims.finish({ jobId: job.id, attempt }, { end: 'succeeded', trainedTokens: 1, adapter });
    const { fine_tuned_model: tuned } = (
      await api.call('GET', `/v1/fine_tuning/jobs/${job.id}`, undefined, user)
    ).body;

    await api.register(copy, { name: 'base', replace: true });
    const second = await identityOf('base');
    expect(second).not.toBe(first);
    expect(await versionOf(manager, { name: 'base', identity: first })).toMatchObject({ folder });
    expect((await create('base')).baseIdentity).toBe(second);
    expect((await create(String(tuned))).baseIdentity).toBe(first);
    const listed = (await api.call('GET', '/v1/models', undefined, user)).body.data;
    expect(listed.filter(({ id }) => id === 'base')).toHaveLength(1);

    const remove = (headers: Record<string, string>) =>
      api.call('DELETE', '/v1/base_models/base', undefined, headers);
    expect((await remove(user)).status).toBe(403);
    expect((await remove(admin)).body).toEqual({ id: 'base', object: 'model', deleted: true });
    expect((await remove(admin)).status).toBe(404);
    const refused = await api.call('POST', '/v1/fine_tuning/jobs', { model: 'base', training_file }, user);
    expect(refused.body.error).toMatchObject({ code: 'model_not_found', param: 'model' });
    expect((await create(String(tuned))).baseIdentity).toBe(first);
    await api.register(folder, { name: 'base' });
    expect(await identityOf('base')).toBe(first);
  });

  test('several times at once leaves one version current', async () => {
    const copies = await Promise.all(['a', 'b', 'c'].map((name) => copyOf(`at-once-${name}`, name)));
    const models = api.app.get(BaseModels);
    await Promise.all(copies.map((copy) => models.register(copy, { name: 'contested', replace: true })));
    const rows = await api.platform.database.manager.findBy(BaseModel, { name: 'contested' });
    expect(rows).toHaveLength(3);
    expect(rows.filter(({ replacedAt }) => replacedAt === null)).toHaveLength(1);
  });
});

describe('folders for base models', () => {
  const refusal = async (place: string) => {
    const { status, body } = await register({ folder: place });
    return { status, code: body.error?.code, message: body.error?.message.replaceAll(place, 'FOLDER') };
  };
  let outside: ApiServer;
  beforeAll(async () => {
    outside = await startApi();
    await writeTinyModel(join(outside.home, 'tiny'));
  }, 60_000);
  afterAll(() => outside[Symbol.asyncDispose]());

  test('are those under the roots; what lies elsewhere is refused whether or not it is there', async () => {
    const there = await refusal(join(outside.home, 'tiny'));
    expect(there).toMatchObject({ status: 400, code: 'model_folder_not_allowed' });
    expect(there.message).toContain('LOWRANK_MODEL_ROOTS');
    expect(await refusal(join(outside.home, 'nothing'))).toEqual(there);
    expect(await refusal(join(roots, '../../../..', outside.home, 'tiny'))).toMatchObject({
      code: 'model_folder_not_allowed',
    });
    expect(await refusal(join(roots, 'nothing'))).toMatchObject({ code: 'model_folder_not_found' });
  });

  test('do not reach further by symbolic links, but may have links to files beside them', async () => {
    await symlink(outside.home, join(roots, 'link'));
    expect(await refusal(join(roots, 'link/tiny'))).toMatchObject({ code: 'model_folder_not_allowed' });
    const snapshot = join(roots, 'snapshot');
    await cp(folder, snapshot, { recursive: true });
    await rm(join(snapshot, 'config.json'));
    await symlink(join(outside.home, 'tiny/config.json'), join(snapshot, 'config.json'));
    expect(await refusal(snapshot)).toMatchObject({ code: 'model_folder_not_allowed' });
    await rm(join(snapshot, 'config.json'));
    await mkdir(join(roots, 'blobs'));
    await cp(join(folder, 'config.json'), join(roots, 'blobs/1'));
    await symlink('../blobs/1', join(snapshot, 'config.json'));
    expect((await register({ folder: snapshot })).body).toMatchObject({ status: 'done' });
  });

  test('are any on a server that never had a key, unless roots are named', async () => {
    const { body } = await outside.call('POST', '/v1/base_models', { folder });
    expect(body).toMatchObject({ status: 'done', folder });
    await using named = await startApi({ environment: { LOWRANK_MODEL_ROOTS: outside.home } });
    const refused = await named.call('POST', '/v1/base_models', { folder });
    expect(refused.body.error).toMatchObject({ code: 'model_folder_not_allowed' });
    await named.register(join(outside.home, 'tiny'));
  }, 60_000);
});

test("a project's key is told what is wrong with a base model, not where it lies", async () => {
  const { training_file } = await api.smallJob(user);
  await api.register(await copyOf('moved'));
  await writeFile(join(roots, 'moved/tokenizer.json'), 'root:hunter2:0:0');
  const plan = await api.call('POST', '/v1/fine_tuning/plan', { model: 'moved', training_file }, user);
  expect(plan.status).toBe(400);
  expect(plan.body.error.message).toContain('tokenizer.json');
  expect(plan.text).not.toMatch(/hunter|root:/);
  expect(plan.text).not.toContain(roots);
  expect((await api.call('GET', '/v1/models', undefined, user)).text).not.toContain(roots);
});
