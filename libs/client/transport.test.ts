import { openAsBlob } from 'node:fs';
import { appendFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { sendJson, type StubServer, stubServer } from '../../test/stub-server.js';
import { LowrankClient } from './client.js';
import type { UploadProgress } from './transport.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'uploads-'));
});
afterAll(() => rm(folder, { recursive: true }));

const servers: StubServer[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

const file = {
  id: 'file-1',
  object: 'file',
  bytes: 3,
  created_at: 0,
  expires_at: null,
  filename: 'a.jsonl',
  purpose: 'fine-tune',
  status: 'processed',
  sha256: '',
  report: null,
};

async function serve(): Promise<{ client: LowrankClient; seen: StubServer['seen'] }> {
  const server = await stubServer((_, response) => sendJson(response, file));
  servers.push(server);
  return { client: new LowrankClient({ url: server.url }), seen: server.seen };
}

test('an upload tells how far it is and says its length beforehand', async () => {
  const { client, seen } = await serve();
  const path = join(folder, 'large.jsonl');
  await writeFile(path, 'x'.repeat(300_000));
  const steps: UploadProgress[] = [];
  const options = { onProgress: (progress: UploadProgress) => steps.push(progress) };
  expect(await client.files.upload(await openAsBlob(path), 'a "b".jsonl', options)).toEqual(file);
  const { headers, body } = seen[0]!;
  expect(headers['content-length']).toBe(String(body.length));
  expect(headers['transfer-encoding']).toBeUndefined();
  const sent = await new Response(body, {
    headers: { 'content-type': headers['content-type']! },
  }).formData();
  expect(sent.get('purpose')).toBe('fine-tune');
  const sentFile = sent.get('file') as File;
  expect(sentFile.name).toBe('a "b".jsonl');
  expect(sentFile.size).toBe(300_000);
  expect(steps.length).toBeGreaterThan(2);
  expect(steps.at(-1)).toEqual({ sentBytes: body.length, totalBytes: body.length });
});

test.each([[true], [false]])(
  'a file that changes while it is sent is an error that says so (counted: %s)',
  async (isCounted) => {
    const { client, seen } = await serve();
    const path = join(folder, `changing-${isCounted}.jsonl`);
    await writeFile(path, 'x');
    const blob = await openAsBlob(path);
    await appendFile(path, 'y');
    const upload = client.files.upload(blob, 'a', isCounted ? { onProgress: () => undefined } : {});
    await expect(upload).rejects.toMatchObject({ code: 'file_changed' });
    expect(seen).toHaveLength(0);
  },
);
