/** Adapters that are fetched to answer prompts: once, whole, within a bound. */
import { readdir, readFile, rm, truncate, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { Adapter } from '#platform/database/entities/adapter.js';
import type { ManifestFile } from '#platform/database/entities/checkpoint.js';
import { MemberFilesService } from '../../apps/api/src/completions/member-files.service.js';
import { type ApiServer, startApi } from './api-server.js';
import { storeAdapter } from './composed-adapters.js';

let api: ApiServer;
let a: { files: ManifestFile[] };
let b: { files: ManifestFile[] };
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

async function stored(seed: number): Promise<{ files: ManifestFile[] }> {
  const id = await storeAdapter(api.platform, { seed, r: 2 });
  const { files } = await api.platform.database.manager.findOneByOrFail(Adapter, { id });
  return { files: files.filter(({ path }) => path !== 'README.md') };
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
  return { files: new MemberFilesService({ configuration, objects: counting }), reads: () => reads };
}

const weights = 'adapter_model.safetensors';
const anHour = 3_600_000;

test('files are fetched once, also for several at the same time', async () => {
  const { files, reads } = service();
  const taken = await Promise.all([files.take([a, a], signal), files.take([a, b], signal)]);
  const [one, two] = taken;
  expect(one.places[0]).toEqual(two.places[0]);
  expect(one.places[1]).toEqual(one.places[0]);
  expect(two.places[1]).not.toEqual(two.places[0]);
  expect(reads()).toBe(4);
  expect(await readdir(one.places[0]!.folder)).toEqual(['adapter_config.json', weights]);
  (await files.take([b, a], signal))[Symbol.dispose]();
  expect(reads()).toBe(4);
});

test('a file that was cut is fetched again', async () => {
  const { files, reads } = service();
  const { places } = await files.take([a], signal);
  const file = join(places[0]!.folder, weights);
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
  expect(await readdir(root)).toEqual([second.places[0]!.digest]);
  second[Symbol.dispose]();
  const old = new Date(Date.now() - anHour);
  await utimes(second.places[0]!.folder, old, old);
  // Another one that comes makes it go too.
  await files.take([a], signal);
  expect(await readdir(root)).toEqual([first.places[0]!.digest]);
});

test('content that is not what was stored is not taken, and leaves nothing', async () => {
  const { files } = service();
  const [config, tensors] = a.files as [ManifestFile, ManifestFile];
  const altered = { files: [config, { ...tensors, sha256: '0'.repeat(64) }] };
  await expect(files.take([altered], signal)).rejects.toMatchObject({ code: 'object_corrupt' });
  const missing = { files: [config, { ...tensors, key: 'adapters/none', sha256: '1'.repeat(64) }] };
  await expect(files.take([missing], signal)).rejects.toMatchObject({ code: 'object_missing' });
  expect(await readdir(root)).toEqual([]);
});

test('nobody who went away is fetched for', async () => {
  const { files, reads } = service();
  const reason = new Error('gone');
  await expect(files.take([a], AbortSignal.abort(reason))).rejects.toBe(reason);
  expect(reads()).toBe(0);
});
