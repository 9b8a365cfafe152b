/** Adapters that are fetched to be used on a machine: once, whole, within a bound. */
import { readdir, readFile, rm, stat, truncate, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { MemberFiles, type StoredMember } from '#jobs/member-files.js';
import { Adapter } from '#platform/database/entities/adapter.js';
import type { ManifestFile } from '#platform/database/entities/checkpoint.js';
import { type ApiServer, startApi } from './api-server.js';
import { storeAdapter } from './composed-adapters.js';

let api: ApiServer;
let a: StoredMember;
let b: StoredMember;
let root: string;
const { signal } = new AbortController();

beforeAll(async () => {
  api = await startApi({ configuration: { generationCacheBytes: 0 } });
  await api.smallJob();
  a = await stored(1);
  b = await stored(2);
  root = join(api.home, 'cache', 'members');
}, 120_000);
afterAll(() => api[Symbol.asyncDispose]());
beforeEach(() => rm(root, { recursive: true, force: true }));

async function stored(seed: number): Promise<StoredMember> {
  const id = await storeAdapter(api.platform, { seed, r: 2 });
  const { files } = await api.platform.database.manager.findOneByOrFail(Adapter, { id });
  return {
    id,
    weight: 1,
    baseIdentity: 'sha256:base',
    files: files.filter(({ path }) => path !== 'README.md'),
  };
}

/** Counts what is read from the object store. */
function service() {
  const { objects, configuration } = api.platform;
  let reads = 0;
  const counting = new Proxy(objects, {
    get(target, name) {
      if (name !== 'get') return Reflect.get(target, name) as unknown;
      return (...args: Parameters<typeof objects.get>) => {
        reads++;
        return target.get(...args);
      };
    },
  });
  return { files: new MemberFiles({ configuration, objects: counting }), reads: () => reads };
}

const weights = 'adapter_model.safetensors';
const anHour = 3_600_000;

test('files are fetched once, also for several at the same time', async () => {
  const { files, reads } = service();
  const taken = await Promise.all([files.take([a, a], signal), files.take([a, b], signal)]);
  const [one, two] = taken;
  expect(one.folders[0]).toEqual(two.folders[0]);
  expect(one.folders[1]).toEqual(one.folders[0]);
  expect(two.folders[1]).not.toEqual(two.folders[0]);
  expect(reads()).toBe(4);
  expect(await readdir(one.folders[0]!.folder)).toEqual(['adapter_config.json', weights]);
  (await files.take([b, a], signal))[Symbol.dispose]();
  expect(reads()).toBe(4);
});

test('a file that was cut is fetched again', async () => {
  const { files, reads } = service();
  const { folders } = await files.take([a], signal);
  const file = join(folders[0]!.folder, weights);
  const whole = await readFile(file);
  await truncate(file, 10);
  await files.take([a], signal);
  expect(await readFile(file)).toEqual(whole);
  expect(reads()).toBe(4);
});

test('what is not used goes when there is no room, what is used and what was used just now stays', async () => {
  const { files } = service();
  const first = await files.take([a], signal);
  const second = await files.take([b], signal);
  await files.sweep(Date.now() + anHour);
  expect(await readdir(root)).toHaveLength(2);
  first[Symbol.dispose]();
  await files.sweep();
  expect(await readdir(root)).toHaveLength(2);
  await files.sweep(Date.now() + anHour);
  expect(await readdir(root)).toEqual([second.folders[0]!.digest]);
  second[Symbol.dispose]();
  const old = new Date(Date.now() - anHour);
  await utimes(second.folders[0]!.folder, old, old);
  // Another one that comes makes it go too.
  await files.take([a], signal);
  expect(await readdir(root)).toEqual([first.folders[0]!.digest]);
});

test('content that is not what was stored is not taken, and leaves nothing', async () => {
  const { files } = service();
  const [config, tensors] = a.files as [ManifestFile, ManifestFile];
  const altered = { ...a, files: [config, { ...tensors, sha256: '0'.repeat(64) }] };
  await expect(files.take([altered], signal)).rejects.toMatchObject({ code: 'object_corrupt' });
  const missing = { ...a, files: [config, { ...tensors, key: 'adapters/none', sha256: '1'.repeat(64) }] };
  await expect(files.take([missing], signal)).rejects.toMatchObject({ code: 'object_missing' });
  expect(await readdir(root)).toEqual([]);
});

test('nobody who went away is fetched for', async () => {
  const { files, reads } = service();
  const reason = new Error('gone');
  await expect(files.take([a], AbortSignal.abort(reason))).rejects.toBe(reason);
  expect(reads()).toBe(0);
});

test('whoever waits for a fetch that had to stop fetches by himself', async () => {
  const { files, reads } = service();
  const reason = new Error('gone');
  const gone = new AbortController();
  const stopped = files.take([a], gone.signal);
  const other = files.take([a], signal);
  gone.abort(reason);
  await expect(stopped).rejects.toBe(reason);
  const { folders } = await other;
  expect(await readFile(join(folders[0]!.folder, weights))).toHaveLength(a.files.at(-1)!.bytes);
  expect(reads()).toBeGreaterThanOrEqual(2);
});

test('another process sees that a folder is used for as long as that takes', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  try {
    const { files } = service();
    const { folders, [Symbol.dispose]: release } = await files.take([a], signal);
    const { folder } = folders[0]!;
    const old = new Date(Date.now() - anHour);
    await utimes(folder, old, old);
    vi.advanceTimersByTime(2 * 60_000);
    await expect.poll(async () => (await stat(folder)).mtimeMs).toBeGreaterThan(Date.now() - 60_000);
    await service().files.sweep();
    expect(await readdir(root)).toHaveLength(1);
    release();
    expect(vi.getTimerCount()).toBe(0);
  } finally {
    vi.useRealTimers();
  }
});
