import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { LowrankError } from '#base/errors.js';
import { FolderStore } from '#platform/objects/folder-store.js';
import { downloadFile, downloadFolder } from '#platform/objects/download.js';
import type { ObjectStore } from '#platform/objects/object-store.js';
import { filesIn, linkFolder, uploadFolder, whenStoreAnswers } from './transfer.js';

let folder: string;
let objects: ObjectStore;
const { signal } = new AbortController();
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'transfer-'));
  objects = await FolderStore.open(join(folder, 'store'));
  await mkdir(join(folder, 'from'));
  await writeFile(join(folder, 'from', 'state.json'), '{}');
  await writeFile(join(folder, 'from', 'weights'), 'abc');
});
afterEach(() => rm(folder, { recursive: true }));

function upload() {
  return uploadFolder(objects, join(folder, 'from'), ['state.json', 'weights'], 'jobs/1', signal);
}

test('files are found in folders too, hidden ones passed over', async () => {
  await mkdir(join(folder, 'from/deep/.git'), { recursive: true });
  for (const name of ['deep/a.jinja', 'deep/.git/config', '.partial']) {
    await writeFile(join(folder, 'from', name), '');
  }
  expect(await filesIn(join(folder, 'from'))).toEqual(['deep/a.jinja', 'state.json', 'weights']);
});

test('a folder comes back as it was', async () => {
  const manifest = await upload();
  expect(manifest.map(({ path, key, bytes }) => [path, key, bytes])).toEqual([
    ['state.json', 'jobs/1/state.json', 2],
    ['weights', 'jobs/1/weights', 3],
  ]);
  await downloadFolder(objects, manifest, join(folder, 'to'), signal);
  expect(await readdir(join(folder, 'to'))).toEqual(['state.json', 'weights']);
  expect(await readFile(join(folder, 'to', 'weights'), 'utf8')).toBe('abc');
});

test('an upload that is repeated finds its own objects, and no others', async () => {
  const first = await upload();
  expect(await upload()).toEqual(first);
  await writeFile(join(folder, 'from', 'weights'), 'xyz');
  await expect(upload()).rejects.toMatchObject({ code: 'object_exists' });
});

describe('a download that is not what was stored', () => {
  test('is refused and leaves nothing', async () => {
    const [, weights] = await upload();
    const file = join(folder, 'weights');
    const other = { ...weights!, sha256: '0'.repeat(64) };
    await expect(downloadFile(objects, other, file, signal)).rejects.toMatchObject({
      code: 'object_corrupt',
    });
    const manifest = [{ ...weights!, path: '../weights' }];
    await expect(downloadFolder(objects, manifest, join(folder, 'to'), signal)).rejects.toMatchObject({
      code: 'object_corrupt',
    });
    const missing = [weights!, { ...weights!, path: 'other', key: 'jobs/1/other' }];
    await expect(downloadFolder(objects, missing, join(folder, 'to'), signal)).rejects.toMatchObject({
      code: 'object_missing',
    });
    expect((await readdir(folder)).toSorted()).toEqual(['from', 'store']);
  });
});

test('linked files stay when their folder goes', async () => {
  await linkFolder(join(folder, 'from'), ['weights'], join(folder, 'kept'));
  await rm(join(folder, 'from'), { recursive: true });
  expect(await readFile(join(folder, 'kept', 'weights'), 'utf8')).toBe('abc');
});

describe('a store that is away', () => {
  const away = () => new LowrankError('store_unavailable', 'away');
  const nobody = { waits: () => {}, goesOn: () => {} };

  test('is waited for', async () => {
    let tries = 0;
    const sent: string[] = [];
    const work = () => (++tries < 2 ? Promise.reject(away()) : Promise.resolve('there'));
    const storeWait = { waits: ({ code }: LowrankError) => sent.push(code), goesOn: () => sent.push('on') };
    expect(await whenStoreAnswers(work, signal, storeWait)).toBe('there');
    expect(sent).toEqual(['store_unavailable', 'on']);
  });

  test('is not waited for when nobody wants the result', async () => {
    const abort = new AbortController();
    const waiting = whenStoreAnswers(() => Promise.reject(away()), abort.signal, {
      ...nobody,
      waits: () => abort.abort(new Error('not wanted')),
    });
    await expect(waiting).rejects.toThrow('not wanted');
    const other = new LowrankError('object_missing', 'no');
    await expect(whenStoreAnswers(() => Promise.reject(other), signal, nobody)).rejects.toBe(other);
  });
});
