import { request } from 'node:http';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { requireKeys } from '../../apps/api/src/keys/require-keys.js';
import { KeyRoles1795804000000 } from '#platform/database/migrations/1795804000000-key-roles.js';
import { type ApiServer, startApi } from './api-server.js';

let api: ApiServer;
beforeAll(async () => {
  api = await startApi();
}, 120_000);
afterAll(() => api[Symbol.asyncDispose]());
afterEach(async () => {
  await api.platform.database.query('DELETE FROM api_key');
});

const bearer = (secret: string) => ({ authorization: `Bearer ${secret}` });
const status = async (headers: Readonly<Record<string, string>> = {}) =>
  (await api.call('GET', '/v1/files', undefined, headers)).status;

/** With the headers as they stand: fetch would not send them. */
function rawStatus(headers: Readonly<Record<string, string>>): Promise<number> {
  return new Promise((resolve, reject) => {
    const sent = request(`${api.url}/v1/files`, { headers }, (response) => {
      response.resume();
      resolve(response.statusCode!);
    });
    sent.on('error', reject);
    sent.end();
  });
}

describe('a server without keys', () => {
  test('is open to its own machine, whatever key a client sends', async () => {
    expect(await status()).toBe(200);
    expect(await status(bearer('sk-anything'))).toBe(200);
  });

  test('takes nothing from pages of other sites, also under a name that they point here', async () => {
    expect(await rawStatus({ host: 'evil.example' })).toBe(403);
    expect(await rawStatus({ host: 'evil.example', authorization: 'Bearer x' })).toBe(403);
    expect(await rawStatus({ origin: 'https://evil.example' })).toBe(403);
    expect(await rawStatus({ origin: 'null' })).toBe(403);
    expect(await rawStatus({ origin: 'http://localhost:5173' })).toBe(200);
    expect(await rawStatus({ host: 'localhost' })).toBe(200);
    expect(await rawStatus({ host: '[::1]:8010' })).toBe(200);
  });

  test('does not start where others can reach it', async () => {
    await expect(requireKeys(api.keys, '0.0.0.0')).rejects.toMatchObject({ code: 'keys_required' });
    await expect(requireKeys(api.keys, '127.0.0.1')).resolves.toBeUndefined();
    const { key } = await api.keys.create({ name: 'a' });
    await expect(requireKeys(api.keys, '0.0.0.0')).resolves.toBeUndefined();
    await api.keys.revoke(key.id);
    await expect(requireKeys(api.keys, '0.0.0.0')).rejects.toMatchObject({ code: 'keys_required' });
  });
});

describe('a key', () => {
  test('closes the server to everyone without one, for good', async () => {
    const { key, secret } = await api.keys.create({ name: 'a' });
    expect(secret).toMatch(/^lr-[A-Za-z0-9]{48}$/);
    expect(await status()).toBe(401);
    expect(await status(bearer(`${secret.slice(0, -1)}!`))).toBe(401);
    expect(await status({ authorization: `Basic ${secret}` })).toBe(401);
    expect(await status(bearer(secret))).toBe(200);
    expect(await rawStatus({ host: 'any.example', ...bearer(secret) })).toBe(200);
    const { body, headers } = await api.call('GET', '/v1/files');
    expect(body.error).toMatchObject({ code: 'invalid_api_key', type: 'authentication_error' });
    expect(headers.get('www-authenticate')).toBe('Bearer');
    expect(await api.keys.revoke(key.id)).toEqual({ admins: 0, total: 0 });
    expect(await status()).toBe(401);
    expect(await status(bearer(secret))).toBe(401);
  });

  test('that is revoked is refused while another one counts', async () => {
    const first = await api.keys.create({ name: 'a' });
    const second = await api.keys.create({ name: 'b' });
    await api.keys.revoke(first.key.id);
    expect(await api.keys.revoke(first.key.id)).toEqual({ admins: 0, total: 1 });
    expect(await status(bearer(first.secret))).toBe(401);
    expect(await status(bearer(second.secret))).toBe(200);
    await expect(api.keys.revoke('key_none')).rejects.toMatchObject({ code: 'key_not_found' });
  });

  test('is kept as a digest, and listed without it', async () => {
    const { secret, key } = await api.keys.create({ name: 'mine', project: 'team' });
    const rows = await api.platform.database.query<object[]>('SELECT * FROM api_key');
    expect(JSON.stringify(rows)).not.toContain(secret.slice(8));
    const [listed] = await api.keys.list();
    expect(listed).toMatchObject({ id: key.id, name: 'mine', prefix: secret.slice(0, 8), revokedAt: null });
    expect(listed).not.toHaveProperty('digest');
  });

  test('of a project sees the objects of that project only', async () => {
    const ours = await api.keys.create({ name: 'a', project: 'ours' });
    const theirs = await api.keys.create({ name: 'b', project: 'theirs' });
    const again = await api.keys.create({ name: 'c', project: 'ours' });
    const job = await api.smallJob(bearer(ours.secret));
    const path = `/v1/files/${job.training_file}`;
    expect((await api.call('GET', path, undefined, bearer(ours.secret))).status).toBe(200);
    expect((await api.call('GET', path, undefined, bearer(again.secret))).status).toBe(200);
    const foreign = await api.call('GET', path, undefined, bearer(theirs.secret));
    const missing = await api.call('GET', '/v1/files/file-none', undefined, bearer(theirs.secret));
    expect(foreign.status).toBe(404);
    expect(foreign.text.replace(job.training_file, 'file-none')).toBe(missing.text);
    const made = await api.call('POST', '/v1/fine_tuning/jobs', job, bearer(theirs.secret));
    expect(made.body.error).toMatchObject({ param: 'training_file' });
    expect((await api.call('GET', '/v1/files', undefined, bearer(theirs.secret))).body.data).toEqual([]);
  });

  test('lists keys with their roles for administrators only, and tells everybody its own', async () => {
    const caller = async (headers = {}) => (await api.call('GET', '/v1/caller', undefined, headers)).body;
    expect(await caller()).toEqual({ object: 'caller', role: 'admin', project: 'default', key: null });
    expect((await api.call('GET', '/v1/keys')).body.data).toEqual([]);
    const admin = await api.keys.create({ name: 'root', role: 'admin' });
    const user = await api.keys.create({ name: 'user', project: 'team' });
    expect(await caller(bearer(admin.secret))).toMatchObject({ role: 'admin', key: admin.key.id });
    expect(await caller(bearer(user.secret))).toMatchObject({ role: 'project', project: user.key.projectId });
    const listed = await api.call('GET', '/v1/keys', undefined, bearer(admin.secret));
    expect(listed.body.data).toMatchObject([
      { id: admin.key.id, object: 'api_key', role: 'admin', revoked_at: null },
      { id: user.key.id, role: 'project', prefix: user.secret.slice(0, 8) },
    ]);
    expect(listed.text).not.toContain(user.key.digest);
    const refused = await api.call('GET', '/v1/keys', undefined, bearer(user.secret));
    expect(refused.status).toBe(403);
    expect(refused.body.error).toMatchObject({ code: 'admin_required' });
    expect(refused.body.error.message).toContain('lowrank keys create --admin');
  });

  test('of the last administrator is not revoked unless that is said, also where two revoke at once', async () => {
    const first = await api.keys.create({ name: 'a', role: 'admin' });
    const second = await api.keys.create({ name: 'b', role: 'admin' });
    const user = await api.keys.create({ name: 'c' });
    const both = await Promise.allSettled([api.keys.revoke(first.key.id), api.keys.revoke(second.key.id)]);
    expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    const last = both[0].status === 'rejected' ? first : second;
    await expect(api.keys.revoke(last.key.id)).rejects.toMatchObject({ code: 'last_admin_key' });
    expect(await status(bearer(last.secret))).toBe(200);
    expect(await api.keys.revoke(last.key.id, { allowLockOut: true })).toEqual({ admins: 0, total: 1 });
    expect(await status(bearer(last.secret))).toBe(401);
    expect(await api.keys.revoke(user.key.id)).toEqual({ admins: 0, total: 0 });
  });

  test('that was made before there were roles opens a project and administers nothing', async () => {
    const { database } = api.platform;
    const migration = new KeyRoles1795804000000();
    const runner = database.createQueryRunner();
    await migration.down(runner);
    await database.query(
      `INSERT INTO api_key (id, project_id, name, digest, prefix) VALUES ('key_old', 'default', 'old', 'x', 'lr-')`,
    );
    await migration.up(runner);
    await runner.release();
    expect(await api.keys.list()).toMatchObject([{ id: 'key_old', role: 'project' }]);
  });

  test('needs a name and a sound project', async () => {
    await expect(api.keys.create({ name: '' })).rejects.toMatchObject({ code: 'key_name_invalid' });
    await expect(api.keys.create({ name: 'a', project: 'a:b' })).rejects.toMatchObject({
      code: 'project_name_invalid',
    });
  });

  test('is never in the log, nor is what a query says', async () => {
    const { secret } = await api.keys.create({ name: 'a' });
    await api.call('GET', '/v1/files?after=private-word', undefined, bearer(secret));
    await api.call('GET', '/v1/files', undefined, bearer('lr-wrongButSecret'));
    await api.platform.database.query('ALTER TABLE worker RENAME TO elsewhere');
    const failed = await api.call('GET', '/v1/workers', undefined, bearer(secret));
    await api.platform.database.query('ALTER TABLE elsewhere RENAME TO worker');
    expect(failed.status).toBe(500);
    const log = api.logged.join('');
    expect(log).toContain('/v1/files');
    expect(log).toContain(failed.headers.get('x-request-id'));
    for (const word of [secret, 'wrongButSecret', 'private-word']) expect(log).not.toContain(word);
  });

  test('is needed for everything but health and documents', async () => {
    await api.keys.create({ name: 'a' });
    for (const path of ['/health', '/ready', '/docs-json', '/docs']) {
      expect((await api.call('GET', path)).status, path).toBe(200);
    }
    expect((await api.call('GET', '/metrics')).status).toBe(401);
  });
});
