/** Files that come in parts. */
import { createHash } from 'node:crypto';
import OpenAI, { BadRequestError } from 'openai';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { LowrankClient } from '#client/client.js';
import { uploadObject, uploadPartObject } from '#contracts/http/uploads.js';
import { sweep } from '#jobs/sweeps.js';
import { type ApiServer, startApi, sums } from './api-server.js';

let api: ApiServer;
let openai: OpenAI;
beforeAll(async () => {
  api = await startApi({ environment: { MAX_FILE_BYTES: '50000', MAX_UPLOAD_BYTES: '1000000000' } });
  openai = new OpenAI({ baseURL: `${api.url}/v1`, apiKey: 'none', maxRetries: 0 });
}, 120_000);
afterAll(() => api[Symbol.asyncDispose]());

const content = Buffer.from(sums(2000));
const half = Math.floor(content.length / 2);
const about = { filename: 'sums.jsonl', purpose: 'fine-tune', mime_type: 'text/jsonl' } as const;
const begin = (bytes = content.length) => openai.uploads.create({ ...about, bytes });
const part = (id: string, data: Buffer) =>
  openai.uploads.parts.create(id, { data: new File([new Uint8Array(data)], 'part') });

async function stored(prefix: string): Promise<string[]> {
  const keys = [];
  for await (const { key } of api.platform.objects.list(prefix)) keys.push(key);
  return keys;
}

const expire = (id: string, minutes: number) =>
  api.platform.database.query(
    'UPDATE upload SET expires_at = now() - make_interval(mins => $2) WHERE id = $1',
    [id, minutes],
  );

test("OpenAI's client sends a file larger than a request may be in parts, in any order, and trains on it", async () => {
  const upload = uploadObject.parse(await begin());
  expect(upload).toMatchObject({ object: 'upload', status: 'pending', bytes: content.length, file: null });
  expect(upload.expires_at).toBe(upload.created_at + 3600);
  const second = uploadPartObject.parse(await part(upload.id, content.subarray(half)));
  expect(second).toMatchObject({ object: 'upload.part', upload_id: upload.id });
  const lost = await part(upload.id, content.subarray(0, half));
  const first = await part(upload.id, content.subarray(0, half));
  expect(lost.id).not.toBe(first.id);
  const md5 = createHash('md5').update(content).digest('hex');
  const body = { part_ids: [first.id, second.id], md5 };
  const done = await openai.uploads.complete(upload.id, body);
  expect(done).toMatchObject({ id: upload.id, status: 'completed' });
  expect(done.file).toMatchObject({ bytes: content.length, filename: 'sums.jsonl', status: 'processed' });
  expect(done.file).toMatchObject({ report: { kind: 'chat', rows: 2000 } });
  const answer = await openai.files.content(done.file!.id);
  expect(Buffer.from(await answer.arrayBuffer()).equals(content)).toBe(true);
  expect(await stored('uploads/')).toEqual([]);
  // An answer that was lost is given again; another order is another file.
  expect(await openai.uploads.complete(upload.id, body)).toEqual(done);
  await expect(openai.uploads.complete(upload.id, { part_ids: [second.id] })).rejects.toThrow(/is completed/);
  const { model } = await api.smallJob();
  const job = await openai.fineTuning.jobs.create({ model, training_file: done.file!.id });
  expect(job.training_file).toBe(done.file!.id);
});

test('parts that are not the announced file are refused, and the upload goes on', async () => {
  const { id } = await begin();
  const first = (await part(id, content.subarray(0, half))).id;
  const second = (await part(id, content.subarray(half))).id;
  const other = (await part((await begin()).id, content)).id;
  const complete = (part_ids: string[], md5?: string) =>
    openai.uploads.complete(id, { part_ids, ...(md5 ? { md5 } : {}) });
  const mismatch = { status: 400, code: 'upload_mismatch' };
  await expect(complete([first])).rejects.toMatchObject({ ...mismatch, param: 'part_ids' });
  await expect(complete([other])).rejects.toThrow(/has no part/);
  await expect(complete([first, first])).rejects.toThrow(/is there twice/);
  const wrong = '0'.repeat(32);
  await expect(complete([first, second], wrong)).rejects.toMatchObject({ ...mismatch, param: 'md5' });
  // Two halves in the wrong order are lines that nobody can read.
  await expect(complete([second, first])).rejects.toMatchObject({ status: 400, code: 'invalid_data' });
  const done = await complete([first, second]);
  expect(done.status).toBe('completed');
});

test('what is cancelled or expired takes no part and becomes no file, and its parts go', async () => {
  const cancelled = await begin();
  const kept = await part(cancelled.id, content);
  expect(await openai.uploads.cancel(cancelled.id)).toMatchObject({ status: 'cancelled', file: null });
  expect(await openai.uploads.cancel(cancelled.id)).toMatchObject({ status: 'cancelled' });
  expect(await stored(`uploads/${cancelled.id}/`)).toEqual([]);
  const expired = await begin();
  const { id: late } = await part(expired.id, content);
  await expire(expired.id, 30);
  for (const [{ id }, name] of [
    [cancelled, /is cancelled/],
    [expired, /has expired/],
  ] as const) {
    await expect(part(id, content)).rejects.toThrow(name);
    const completing = openai.uploads.complete(id, { part_ids: [kept.id, late] });
    await expect(completing).rejects.toBeInstanceOf(BadRequestError);
  }
  // What was being completed at the last moment still finds its parts.
  await sweep(api.platform, api.platform.log);
  expect(await stored(`uploads/${expired.id}/`)).toHaveLength(1);
  await expire(expired.id, 90);
  await sweep(api.platform, api.platform.log);
  expect(await stored(`uploads/${expired.id}/`)).toEqual([]);
});

test('of two requests that complete an upload at once one makes the file, and both are told of it', async () => {
  const { id } = await begin();
  const part_ids = [(await part(id, content)).id];
  const files = (await stored('files/')).length;
  const done = await Promise.all([1, 2].map(() => openai.uploads.complete(id, { part_ids })));
  expect(done[0]!.file!.id).toBe(done[1]!.file!.id);
  expect(await stored('files/')).toHaveLength(files + 1);
});

test('a part that breaks off, is too large, or is more than was announced leaves nothing in the store', async () => {
  const { id } = await begin(10);
  const before = await stored(`uploads/${id}/`);
  const send = (body: string, type: string) =>
    fetch(`${api.url}/v1/uploads/${id}/parts`, { method: 'POST', headers: { 'content-type': type }, body });
  const cutOff = '--b\r\ncontent-disposition: form-data; name="data"; filename="part"\r\n\r\nhalf of it';
  expect((await send(cutOff, 'multipart/form-data; boundary=b')).status).toBe(400);
  await expect(part(id, Buffer.alloc(64 * 2 ** 20 + 1))).rejects.toMatchObject({
    status: 413,
    param: 'data',
  });
  await part(id, Buffer.alloc(40 * 2 ** 20));
  await expect(part(id, Buffer.alloc(40 * 2 ** 20))).rejects.toThrow(/was to have 10 bytes/);
  expect(await stored(`uploads/${id}/`)).toHaveLength(before.length + 1);
  await expect(openai.uploads.create({ ...about, bytes: 1_000_000_001 })).rejects.toMatchObject({
    status: 413,
    param: 'bytes',
  });
});

test('the format that an upload was given holds for its file, and so does the time that it is kept', async () => {
  const table = Buffer.from('q,a\nWho?,Me.\nWhat?,This.\n');
  const columns = { prompt: 'q', completion: 'a' };
  const expires_after = { anchor: 'created_at', seconds: 7200 };
  const body = { ...about, bytes: table.length, format: 'csv', columns, expires_after };
  const { id } = (await api.call('POST', '/v1/uploads', body)).body;
  const { file } = await openai.uploads.complete(id, { part_ids: [(await part(id, table)).id] });
  expect(file).toMatchObject({ report: { format: 'csv', rows: 2, form: { format: 'csv', columns } } });
  expect(file!.expires_at).toBe(file!.created_at + 7200);
});

test('our client sends large files in parts by itself, and tells how far it is', async () => {
  const client = new LowrankClient({ url: api.url });
  const before = (await stored('uploads/')).length;
  const rows = 150_000;
  const line = JSON.stringify({ text: 'It was the best of times. '.repeat(40) });
  const blob = new Blob([`${line}\n`.repeat(rows)]);
  const seen: number[] = [];
  const onProgress = ({ sentBytes, totalBytes }: { sentBytes: number; totalBytes: number }) => {
    expect(totalBytes).toBe(blob.size);
    seen.push(sentBytes);
  };
  const file = await client.files.upload(blob, 'large.jsonl', { onProgress });
  expect(file).toMatchObject({ bytes: blob.size, report: { rows } });
  expect(seen).toEqual(seen.toSorted((a, b) => a - b));
  expect(seen.at(-1)).toBe(blob.size);
  expect((await stored('uploads/')).length).toBe(before);
});
