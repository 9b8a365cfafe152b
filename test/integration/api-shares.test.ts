/** Links: what they open, for how long, and what is written down about it. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ApiServer, startApi } from './api-server.js';
import { storeAdapter } from './composed-adapters.js';

let api: ApiServer;
let adapter: string;
beforeAll(async () => {
  api = await startApi();
  await api.smallJob();
  adapter = await storeAdapter(api.platform, { seed: 1, r: 2 });
}, 120_000);
afterAll(() => api[Symbol.asyncDispose]());

async function share(options: object = {}): Promise<{ id: string; path: string }> {
  const { body, text } = await api.call('POST', '/v1/shares', { adapter, ...options });
  if (typeof body['path'] !== 'string') throw new Error(text);
  return { id: body.id, path: body['path'] };
}
const outcomes = async (id: string) => {
  const { body } = await api.call('GET', `/v1/shares/${id}/accesses`);
  return body.data.map(({ outcome, file }) => [outcome, file]);
};

test('a link opens one page and the files, also where everything else needs a key', async () => {
  const { id, path } = await share();
  await api.keys.create({ name: 'k', project: 'default' });
  const page = await api.call('GET', path);
  expect(page.status).toBe(200);
  expect(page.headers.get('content-type')).toContain('text/html');
  expect(page.headers.get('referrer-policy')).toBe('no-referrer');
  expect(page.headers.get('cache-control')).toBe('no-store');
  const policy = page.headers.get('content-security-policy');
  for (const rule of ["default-src 'none'", "script-src 'none'", "frame-ancestors 'none'"]) {
    expect(policy).toContain(rule);
  }
  for (const part of ['tiny', 'not stated', 'q_proj, v_proj', 'adapter_model.safetensors']) {
    expect(page.text).toContain(part);
  }
  expect(page.text).not.toMatch(/<script|https?:\/\//);
  const links = [...page.text.matchAll(/href="([^"]+)"/g)].map(([, link]) => link!);
  expect(links.splice(links.indexOf('data:,'), 1)).toEqual(['data:,']);
  expect(links).toHaveLength(3);
  for (const link of links) expect((await api.call('GET', link)).status).toBe(200);
  expect((await api.call('GET', `${path}/files/nothing`)).status).toBe(404);
  expect((await api.call('GET', `/v1/adapters/${adapter}`)).status).toBe(401);
  await api.platform.database.query('DELETE FROM api_key');
  const told = (await api.call('GET', `/v1/shares/${id}`)).body;
  expect(told).toMatchObject({ status: 'open', path: null, downloads: 1 });
  expect((await outcomes(id)).at(-1)).toEqual(['page', null]);
  expect((await outcomes(id))[0]).toEqual(['missing', 'nothing']);
});

test('a link is dead after it was revoked and after it has expired', async () => {
  const [revoked, expired] = [await share(), await share({ expires_in_seconds: 60 })];
  expect((await api.call('GET', revoked.path)).status).toBe(200);
  expect((await api.call('DELETE', `/v1/shares/${revoked.id}`)).status).toBe(200);
  await api.platform.database.query('UPDATE share SET expires_at = now() WHERE id = $1', [expired.id]);
  const never = await api.call('GET', `/s/${'x'.repeat(42)}`);
  for (const { id, path } of [revoked, expired]) {
    for (const place of [path, `${path}/files/adapter_model.safetensors`]) {
      const { status, text } = await api.call('GET', place);
      expect([status, text]).toEqual([404, never.text]);
    }
    const why = id === revoked.id ? 'revoked' : 'expired';
    expect((await outcomes(id))[0]).toEqual([why, 'adapter_model.safetensors']);
    expect((await api.call('GET', `/v1/shares/${id}`)).body.status).toBe(why);
  }
});

test('the weights are fetched as often as was allowed, also by many at once', async () => {
  const { id, path } = await share({ max_downloads: 2 });
  const weights = `${path}/files/adapter_model.safetensors`;
  expect((await api.call('HEAD', weights)).status).toBe(200);
  const answers = await Promise.all([1, 2, 3, 4].map(() => api.call('GET', weights)));
  expect(answers.map(({ status }) => status).toSorted((x, y) => x - y)).toEqual([200, 200, 404, 404]);
  expect((await api.call('GET', path)).text).toContain('fetched as often as allowed');
  expect((await api.call('GET', `/v1/shares/${id}`)).body).toMatchObject({ status: 'used_up', downloads: 2 });
});

test('the token stands in no log and in no table', async () => {
  const { path } = await share();
  const token = path.slice('/s/'.length);
  for (const place of [
    path,
    `${path}?a=1`,
    `${path}/files/x`,
    `${path}/other`,
    `/S/${token}`,
    `//s/${token}`,
    `/%73/${token}`,
    `/docs/${token}/x`,
  ]) {
    await api.call('GET', place);
  }
  expect(api.logged.some((line) => line.includes('/s/***'))).toBe(true);
  expect(api.logged.join('\n')).not.toContain(token);
  const rows = await api.platform.database.query<unknown[]>('SELECT * FROM share, share_access');
  expect(JSON.stringify(rows)).not.toContain(token);
});

test('a link dies with its adapter', async () => {
  const other = await storeAdapter(api.platform, { seed: 2, r: 2 });
  const { path } = await share({ adapter: other });
  await api.call('DELETE', `/v1/adapters/${other}`);
  expect((await api.call('GET', path)).status).toBe(404);
});
