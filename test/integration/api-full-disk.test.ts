/** Uploads onto a disk that has no room: answered as such, and nothing of them stays. */
import { readdir } from 'node:fs/promises';
import type * as NodeFs from 'node:fs';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { type ApiServer, fileForm, startApi, sums } from './api-server.js';
import { zipOf } from './zip-of.js';

/** Files whose path has this in it find no room after their first bytes. */
const disk = vi.hoisted(() => ({ full: undefined as string | undefined }));

vi.mock('node:fs', async (load) => {
  const fs = await load<typeof NodeFs>();
  const createWriteStream = ((path: string, options) => {
    if (disk.full === undefined || !path.includes(disk.full)) return fs.createWriteStream(path, options);
    fs.writeFileSync(path, 'the first bytes');
    const message = 'ENOSPC: no space left on device, write';
    const error = Object.assign(new Error(message), { code: 'ENOSPC', errno: -28, syscall: 'write' });
    return new Writable({ write: (_chunk, _encoding, done) => done(error) });
  }) as typeof fs.createWriteStream;
  return { ...fs, default: { ...fs, createWriteStream }, createWriteStream };
});

let api: ApiServer;
beforeAll(async () => void (api = await startApi()), 120_000);
afterEach(() => (disk.full = undefined));
afterAll(() => api[Symbol.asyncDispose]());

async function leftBehind(): Promise<string[]> {
  const left: string[] = [];
  for await (const { key } of api.platform.objects.list('')) left.push(key);
  const folders = ['tmp/uploads', 'objects/partial'];
  for (const folder of folders) left.push(...(await readdir(join(api.home, folder)).catch(() => [])));
  return left;
}

function adapterForm(): FormData {
  const form = new FormData();
  const archive = zipOf([
    { path: 'adapter_config.json', content: Buffer.from('{}') },
    { path: 'adapter_model.safetensors', content: Buffer.alloc(100_000) },
  ]);
  form.append('file', new Blob([archive]), 'adapter.zip');
  return form;
}

test.each([
  ['a file, where it is received', '/v1/files', () => fileForm(sums(5)), 'tmp/uploads', 'disk_full'],
  ['a file, in the store', '/v1/files', () => fileForm(sums(5)), 'partial', 'store_full'],
  ['an adapter, where it is received', '/v1/adapters', adapterForm, 'tmp/uploads', 'disk_full'],
  ['an adapter, where it is unpacked', '/v1/adapters', adapterForm, '.entries', 'disk_full'],
])('%s', async (_, path, form, full, code) => {
  disk.full = full;
  const { status, body } = await api.call('POST', path, form());
  expect({ status, code: (body.error as { code?: string } | undefined)?.code }).toEqual({
    status: 507,
    code,
  });
  expect(await leftBehind()).toEqual([]);
});

test('the next one is taken when there is room again', async () => {
  const { status } = await api.call('POST', '/v1/files', fileForm(sums(5)));
  expect(status).toBe(200);
});
