/** Files that are kept for a time only. */
import OpenAI, { NotFoundError } from 'openai';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { fileObject } from '#contracts/http/files.js';
import { sweep } from '#jobs/sweeps.js';
import { StoredFile } from '#platform/database/entities/stored-file.js';
import { type ApiServer, fileForm, startApi, sums } from './api-server.js';

let api: ApiServer;
beforeAll(async () => {
  api = await startApi();
}, 120_000);
afterAll(() => api[Symbol.asyncDispose]());

function form(fields: Readonly<Record<string, string>>): FormData {
  const made = fileForm(sums(40));
  for (const [name, value] of Object.entries(fields)) made.set(name, value);
  return made;
}
const upload = (fields: Readonly<Record<string, string>>, headers = {}) =>
  api.call('POST', '/v1/files', form(fields), headers);
const kept = (seconds: number | string) => ({
  'expires_after[anchor]': 'created_at',
  'expires_after[seconds]': String(seconds),
});

/** Lets the time of a file be over. */
async function expire(id: string): Promise<void> {
  await api.platform.database.query(
    "UPDATE stored_file SET expires_at = now() - interval '2 hours' WHERE id = $1",
    [id],
  );
}

test('a file says when it expires, counted from its making', async () => {
  const limited = fileObject.parse((await upload(kept(3600))).body);
  expect(limited.expires_at).toBe(limited.created_at + 3600);
  expect(fileObject.parse((await api.call('GET', `/v1/files/${limited.id}`)).body)).toEqual(limited);
  expect(fileObject.parse((await upload({})).body).expires_at).toBeNull();
  expect((await upload(kept(2_592_000))).status).toBe(200);
});

test('a file that has expired is gone for its owner, and its bytes go with the next sweep', async () => {
  const { id } = (await upload(kept(3600))).body;
  const { objectKey } = await api.platform.database.manager.findOneByOrFail(StoredFile, { id });
  const other = (await upload({})).body.id;
  await expire(id);
  for (const [method, path] of [
    ['GET', `/v1/files/${id}`],
    ['GET', `/v1/files/${id}/content`],
    ['DELETE', `/v1/files/${id}`],
  ] as const) {
    const { status, body } = await api.call(method, path);
    expect({ path, status, code: body.error.code }).toEqual({ path, status: 404, code: 'file_not_found' });
  }
  const listed = (await api.call('GET', '/v1/files')).body.data.map((file) => file.id);
  expect(listed).toContain(other);
  expect(listed).not.toContain(id);
  // A list that was being read goes on after it.
  expect((await api.call('GET', `/v1/files?after=${id}&order=asc`)).body.data[0]!.id).toBe(other);
  expect((await api.platform.objects.head(objectKey!)).bytes).toBeGreaterThan(0);
  expect((await sweep(api.platform, api.platform.log)).files).toBe(1);
  await expect(api.platform.objects.head(objectKey!)).rejects.toMatchObject({ code: 'object_missing' });
  expect((await api.call('GET', `/v1/files/${other}/content`)).status).toBe(200);
});

test('no job begins with a file that has expired; one that has it keeps it to its end', async () => {
  const { model } = await api.smallJob();
  const { id } = (await upload(kept(3600))).body;
  const { objectKey } = await api.platform.database.manager.findOneByOrFail(StoredFile, { id });
  const body = { model, training_file: id };
  const job = (await api.call('POST', '/v1/fine_tuning/jobs', body)).body.id;
  await expire(id);
  for (const path of ['/v1/fine_tuning/jobs', '/v1/fine_tuning/plan']) {
    const { status, body: refused } = await api.call('POST', path, body);
    expect({ status, param: refused.error.param }).toEqual({ status: 400, param: 'training_file' });
  }
  await sweep(api.platform, api.platform.log);
  expect((await api.platform.objects.head(objectKey!)).bytes).toBeGreaterThan(0);
  await api.call('POST', `/v1/fine_tuning/jobs/${job}/cancel`);
  expect((await sweep(api.platform, api.platform.log)).files).toBe(1);
});

test.each([
  ['too short a time', kept(3599), 'expires_after[seconds]'],
  ['too long a time', kept(2_592_001), 'expires_after[seconds]'],
  ['half a second', kept('3600.5'), 'expires_after[seconds]'],
  ['no number', kept('soon'), 'expires_after[seconds]'],
  ['another anchor', { ...kept(3600), 'expires_after[anchor]': 'last_active_at' }, 'expires_after[anchor]'],
  ['no anchor', { 'expires_after[seconds]': '3600' }, 'expires_after[anchor]'],
  ['no time', { 'expires_after[anchor]': 'created_at' }, 'expires_after[seconds]'],
  ['an unknown part', { ...kept(3600), 'expires_after[days]': '3' }, 'expires_after[days]'],
])('%s is refused by its field', async (_, fields, param) => {
  const { status, body } = await upload(fields);
  expect({ status, param: body.error.param }).toEqual({ status: 400, param });
});

test('the same upload for another time is another request', async () => {
  const headers = { 'idempotency-key': 'expiry-1' };
  const first = await upload(kept(3600), headers);
  expect((await upload(kept(3600), headers)).body).toEqual(first.body);
  expect((await upload(kept(7200), headers)).status).toBe(422);
});

test("a file that has expired is gone for OpenAI's client", async () => {
  const openai = new OpenAI({ baseURL: `${api.url}/v1`, apiKey: 'none', maxRetries: 0 });
  const file = new File([sums(3)], 'sums.jsonl');
  const expires_after = { anchor: 'created_at' as const, seconds: 3600 };
  const { id, expires_at, created_at } = await openai.files.create({
    file,
    purpose: 'fine-tune',
    expires_after,
  });
  expect(expires_at).toBe(created_at + 3600);
  expect(await (await openai.files.content(id)).text()).toBe(sums(3));
  await expire(id);
  await expect(openai.files.retrieve(id)).rejects.toBeInstanceOf(NotFoundError);
  for await (const listed of openai.files.list()) expect(listed.id).not.toBe(id);
});
