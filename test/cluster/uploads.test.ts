/** Files that come in parts, with an object store for the parts. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { LowrankClient } from '#client/client.js';
import { type ApiServer, startApi } from '../integration/api-server.js';
import { type SignedS3, startSignedS3 } from './signed-s3.js';

let s3: SignedS3;
let api: ApiServer;
beforeAll(async () => {
  s3 = await startSignedS3();
  api = await startApi({ configuration: { s3: s3.configuration } });
}, 120_000);
afterAll(async () => {
  await api?.[Symbol.asyncDispose]();
  await s3?.close();
});

async function stored(prefix: string): Promise<string[]> {
  const keys = [];
  for await (const { key } of api.platform.objects.list(prefix)) keys.push(key);
  return keys;
}

test('parts lie in the bucket until the file is whole, and one that breaks off leaves nothing there', async () => {
  const { uploads } = new LowrankClient({ url: api.url }).files;
  const rows = Buffer.from(
    `${JSON.stringify({ text: 'It was the best of times. '.repeat(40) })}\n`.repeat(20_000),
  );
  const about = { filename: 'rows.jsonl', purpose: 'fine-tune', mime_type: 'text/jsonl' } as const;
  const { id } = await uploads.create({ ...about, bytes: rows.length });
  // Of more than one request of the store's own.
  const cut = 2 ** 24 + 1;
  const parts = [];
  for (const piece of [rows.subarray(0, cut), rows.subarray(cut)]) {
    parts.push((await uploads.addPart(id, new Blob([piece]))).id);
  }
  const start = '--b\r\ncontent-disposition: form-data; name="data"; filename="part"\r\n\r\n';
  const broken = await fetch(`${api.url}/v1/uploads/${id}/parts`, {
    method: 'POST',
    headers: { 'content-type': 'multipart/form-data; boundary=b' },
    body: Buffer.concat([Buffer.from(start), rows]),
  });
  expect(broken.status).toBe(400);
  expect(await stored('uploads/')).toHaveLength(2);
  const { file } = await uploads.complete(id, parts);
  expect(file).toMatchObject({ bytes: rows.length, report: { rows: 20_000 } });
  expect(await stored('uploads/')).toEqual([]);
  expect(await stored('files/')).toHaveLength(1);
  expect(await s3.unfinishedUploads()).toBe(0);
});
