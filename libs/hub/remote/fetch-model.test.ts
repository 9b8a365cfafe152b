import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, readlink, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { fetchDescription, fetchModel } from '#hub/remote/fetch-model.js';
import { brokenDownloads, removeSnapshot, repositoryFolder } from '#hub/remote/hub-cache.js';
import { listHubModel } from '#hub/remote/hub-listing.js';
import { isHubName, isListed, parseHubName } from '#hub/remote/hub-name.js';
import { finishPartial, leavePartial, partialBytes, takePartial } from '#hub/remote/partial-file.js';
import { openModelFolder } from '#models/model-folder.js';
import { type StubHub, stubHub } from '../../../test/stub-hub.js';

const sharded = path.join(import.meta.dirname, '../../../test/fixtures/families/llama-f16-sharded');

let hub: StubHub;
let cache: string;
beforeEach(async () => {
  hub = await stubHub();
  cache = await mkdtemp(path.join(tmpdir(), 'hub-cache-'));
  const model = await hub.addFolder('org/tiny', sharded);
  for (const name of ['case.json', 'expected.safetensors']) model.files.delete(name);
  model.files.set('tokenizer.json', Buffer.from('{}'));
  model.files.set('pytorch_model.bin', Buffer.from('pickle'));
});
afterEach(async () => {
  await hub.close();
  await rm(cache, { recursive: true });
});

const access = (token: string | null = null) => ({ endpoint: hub.url, token });
const list = (name: string, token: string | null = null) => listHubModel(parseHubName(name), access(token));
const fetchIt = async (
  name = 'org/tiny',
  { token = null, ...options }: { token?: string | null } & Partial<Parameters<typeof fetchModel>[1]> = {},
) => fetchModel(await list(name, token), { access: access(token), cache, pauseMs: 1, ...options });

describe('names', () => {
  test.each([
    ['org/name', { repository: 'org/name', revision: null }],
    ['Org-1/na.me_2@v1.0', { repository: 'Org-1/na.me_2', revision: 'v1.0' }],
    ['org/name@refs/pr/1', { repository: 'org/name', revision: 'refs/pr/1' }],
  ])('%s', (text, name) => expect(parseHubName(text)).toEqual(name));

  test.each([
    'name',
    '../name',
    'org/../x',
    'org/name@',
    'org/a/b',
    '/org/name',
    'org/na--me',
    'org/name@../x',
  ])('%s is none', (text) => {
    expect(isHubName(text)).toBe(false);
    expect(() => parseHubName(text)).toThrow(/OWNER\/NAME/);
  });

  test('patterns stand for whole names', () => {
    expect(isListed('org/name', ['org/*'])).toBe(true);
    expect(isListed('organ/name', ['org/*', 'org'])).toBe(false);
    expect(isListed('any/thing', ['*'])).toBe(true);
    expect(isListed('a.c/x', ['abc/x', 'a.c/y'])).toBe(false);
    expect(isListed('any/thing', [])).toBe(false);
  });
});

describe('a model of a hub', () => {
  test('is fetched whole, without what is not needed, and can be opened', async () => {
    const folder = await fetchIt();
    const { tree } = await openModelFolder(folder, { tokenizer: 'required' });
    expect(tree.parameterCount).toBeGreaterThan(0);
    const names = await readdir(folder);
    expect(names).toContain('model.safetensors.index.json');
    expect(names).not.toContain('pytorch_model.bin');
  });

  test('lies in the cache as programs of Hugging Face have it', async () => {
    const folder = await fetchIt();
    const { commit } = hub.repositories.get('org/tiny')!;
    const home = path.join(cache, 'models--org--tiny');
    expect(folder).toBe(path.join(home, 'snapshots', commit));
    expect(await readFile(path.join(home, 'refs/main'), 'utf8')).toBe(commit);
    expect(await readlink(path.join(folder, 'config.json'))).toMatch(/^\.\.\/\.\.\/blobs\/[0-9a-f]{40}$/);
    const shard = (await readdir(folder)).find((name) => name.endsWith('.safetensors'))!;
    expect(await readlink(path.join(folder, shard))).toMatch(/^\.\.\/\.\.\/blobs\/[0-9a-f]{64}$/);
  });

  test('costs not one byte a second time', async () => {
    await fetchIt();
    const before = hub.sentBytes();
    await fetchIt();
    expect(hub.sentBytes()).toBe(before);
  });

  test('goes on where a connection broke, with the bytes that were missing and no others', async () => {
    const whole = await list('org/tiny');
    const bytes = whole.files
      .filter(({ name }) => name.endsWith('.safetensors'))
      .reduce((sum, { size }) => sum + size, 0);
    hub.cutAfter = 1000;
    const folder = await fetchIt();
    await openModelFolder(folder);
    const ranges = hub.storage.seen.flatMap(({ headers }) => headers.range ?? []);
    expect(ranges).toHaveLength(1);
    const small = (
      await Promise.all(
        (await readdir(folder))
          .filter((name) => !name.endsWith('.safetensors'))
          .map((name) => stat(path.join(folder, name))),
      )
    ).reduce((sum, { size }) => sum + size, 0);
    // What was on its way when the connection broke is sent again.
    expect(hub.sentBytes() - small - bytes).toBeLessThanOrEqual(1000);
  });

  test('goes on in another process with what lies there', async () => {
    const stop = new AbortController();
    hub.cutAfter = 1000;
    const begun = fetchIt('org/tiny', { signal: stop.signal, pauseMs: 60_000 });
    while (!(await brokenDownloads(cache)).some(({ size }) => size === 1000))
      await new Promise((go) => setTimeout(go, 5));
    stop.abort(new Error('stopped'));
    await expect(begun).rejects.toThrow('stopped');
    await openModelFolder(await fetchIt());
    expect(hub.storage.seen.map(({ headers }) => headers.range)).toContain('bytes=1000-');
    expect(await brokenDownloads(cache)).toEqual([]);
  });

  test('is fetched from its beginning by a hub that knows no parts', async () => {
    hub.noRanges = true;
    hub.cutAfter = 1000;
    expect(await openModelFolder(await fetchIt())).toMatchObject({ untrained: [] });
  });

  test('tells how far it is, up to the last byte', async () => {
    const seen: { doneBytes: number; totalBytes: number }[] = [];
    await fetchIt('org/tiny', { onProgress: (progress) => seen.push(progress) });
    const { doneBytes, totalBytes } = seen.at(-1)!;
    expect(doneBytes).toBe(totalBytes);
    expect(seen.map((one) => one.doneBytes)).toEqual(
      seen.map((one) => one.doneBytes).toSorted((a, b) => a - b),
    );
  });

  test.each(['hash', 'length'] as const)(
    'with another %s than promised is refused, and nothing is kept',
    async (lie) => {
      hub.lie = lie;
      await expect(fetchIt()).rejects.toMatchObject({ code: 'download_damaged' });
      expect(await brokenDownloads(cache)).toEqual([]);
      hub.lie = null;
      await openModelFolder(await fetchIt());
    },
  );

  test('of a hub in trouble is tried five times', async () => {
    hub.failWith = 500;
    await expect(fetchIt()).rejects.toMatchObject({
      code: 'download_failed',
      message: expect.stringContaining('500'),
    });
    expect(hub.storage.seen).toHaveLength(5);
  });

  test('is not there, or there is no such revision: the message says so', async () => {
    await expect(list('org/none')).rejects.toMatchObject({ code: 'model_not_found' });
    await expect(list('org/tiny@v9')).rejects.toMatchObject({
      code: 'model_not_found',
      message: expect.stringContaining('revision'),
    });
  });

  test('is gated: it needs a token, which goes to the hub alone', async () => {
    hub.repositories.get('org/tiny')!.gatedTo = 'secret';
    await expect(fetchIt()).rejects.toMatchObject({
      code: 'model_gated',
      message: expect.stringContaining('HF_TOKEN'),
    });
    await openModelFolder(await fetchIt('org/tiny', { token: 'secret' }));
    expect(hub.hub.seen.some(({ headers }) => headers.authorization === 'Bearer secret')).toBe(true);
    expect(hub.storage.seen.map(({ headers }) => headers.authorization ?? null)).toEqual(
      hub.storage.seen.map(() => null),
    );
  });

  test.each([
    [['config.json', 'pytorch_model.bin'], 'weights_pickled'],
    [['config.json', 'model.gguf'], 'unsupported'],
    [['config.json'], 'weights_not_found'],
    [['adapter_config.json', 'adapter_model.safetensors'], 'model_config_missing'],
  ])('that holds only %j is refused with %s before anything is fetched', async (names, code) => {
    hub.add(
      'org/other',
      names.map((name) => [name, '{}'] as const),
    );
    await expect(list('org/other')).rejects.toMatchObject({ code });
  });

  test('without a shard that its index names is refused', async () => {
    const { files } = hub.repositories.get('org/tiny')!;
    files.delete([...files.keys()].find((name) => name.endsWith('.safetensors'))!);
    await expect(fetchIt()).rejects.toMatchObject({ code: 'weights_not_found' });
  });

  test('is described without its weights', async () => {
    const { folder, weights } = await fetchDescription(await list('org/tiny'), { access: access(), cache });
    expect(await readdir(folder)).toContain('config.json');
    expect(weights.length).toBeGreaterThan(1);
    expect(hub.storage.seen).toHaveLength(0);
  });

  test('that cannot be reached is told by its host', async () => {
    const { repository } = parseHubName('org/tiny');
    const nobody = { endpoint: 'http://127.0.0.1:1', token: null };
    await expect(listHubModel({ repository, revision: null }, nobody)).rejects.toMatchObject({
      code: 'download_failed',
    });
  });
});

test('two that fetch one file at a time have each a part of their own, and what broke off is gone on with', async () => {
  const blob = path.join(cache, 'blobs', 'abc');
  await mkdir(path.dirname(blob), { recursive: true });
  const [first, second] = [await takePartial(blob), await takePartial(blob)];
  expect(first).not.toBe(second);
  await writeFile(first, 'twelve bytes');
  await writeFile(second, 'five5');
  expect(await partialBytes(blob)).toBe(0);
  await leavePartial(blob, first);
  await leavePartial(blob, second);
  expect(await readdir(path.dirname(blob))).toEqual(['abc.incomplete']);
  const third = await takePartial(blob);
  expect(await readFile(third, 'utf8')).toBe('twelve bytes');
  await finishPartial(blob, third);
  expect(await readdir(path.dirname(blob))).toEqual(['abc']);
});

test('the part of a process that was killed is taken over, and that of one on another machine only when it is old', async () => {
  const blob = path.join(cache, 'blobs', 'abc');
  await mkdir(path.dirname(blob), { recursive: true });
  const { pid } = spawnSync(process.execPath, ['--version']);
  const mine = await takePartial(blob);
  const dead = mine.replace(`-${process.pid}-`, `-${pid}-`);
  await writeFile(dead, 'of a dead one');
  expect(await partialBytes(blob)).toBe(13);
  const elsewhere = `${blob}.elsewhere-1-00ff.incomplete`;
  await writeFile(elsewhere, 'of another machine');
  expect(await partialBytes(blob)).toBe(13);
  await utimes(elsewhere, 0, 0);
  expect(await partialBytes(blob)).toBe(18);
});

test('removing a snapshot leaves what another one of its repository uses', async () => {
  const first = await fetchIt();
  const model = hub.repositories.get('org/tiny')!;
  hub.add('org/tiny', [...model.files, ['README.md', 'new']]);
  const second = await fetchIt();
  expect(second).not.toBe(first);
  await removeSnapshot(first);
  await openModelFolder(second);
  expect(await removeSnapshot(second)).toBeGreaterThan(0);
  await expect(stat(repositoryFolder(cache, 'org/tiny'))).rejects.toThrow('ENOENT');
  await writeFile(path.join(cache, 'other'), '');
  expect(await removeSnapshot(cache)).toBe(0);
});
