import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { Header } from 'tar';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { zipOf } from '../../../test/integration/zip-of.js';
import { unpackAdapter } from './unpack.js';

let home: string;
let folder: string;
beforeAll(async () => (home = await mkdtemp(join(tmpdir(), 'unpack-'))));
afterAll(() => rm(home, { recursive: true }));
beforeEach(async () => (folder = await mkdtemp(join(home, 'adapter-'))));

const maxBytes = 1e9;
const end = Buffer.alloc(1024);

function entry(path: string, content: Buffer): Buffer {
  const head = Buffer.alloc(512);
  new Header({ path, size: content.length, mode: 0o644, type: 'File' }).encode(head);
  return Buffer.concat([head, content, Buffer.alloc((512 - (content.length % 512)) % 512)]);
}

const adapter = Buffer.concat([
  entry('adapter_config.json', Buffer.from('{}')),
  entry('adapter_model.safetensors', randomBytes(100_000)),
  end,
]);

async function write(content: Buffer): Promise<string> {
  const file = join(home, 'archive');
  await writeFile(file, content);
  return file;
}

test.each([
  ['a tar', adapter],
  ['a packed tar', gzipSync(adapter)],
])('the files of %s are taken', async (_, content) => {
  await unpackAdapter(await write(content), folder, maxBytes);
  expect((await readdir(folder)).toSorted()).toEqual(['adapter_config.json', 'adapter_model.safetensors']);
});

test('what comes after the end of a tar is not read, however much it is', async () => {
  const file = await write(adapter);
  // A hole, which takes no room on the disk.
  await truncate(file, 8e9);
  await unpackAdapter(file, folder, maxBytes);
  expect(await readdir(folder)).toHaveLength(2);
}, 10_000);

test('what comes after the end of a packed tar is not unpacked', async () => {
  await unpackAdapter(await write(gzipSync(Buffer.concat([adapter, Buffer.alloc(30e6)]))), folder, maxBytes);
  expect(await readdir(folder)).toHaveLength(2);
});

test('a tar that is packed far too well is unpacked piece by piece, and refused', async () => {
  let turns = 0;
  let isOver = false;
  const turn = () => {
    turns++;
    if (!isOver) setImmediate(turn);
  };
  setImmediate(turn);
  const packed = gzipSync(entry('a.bin', Buffer.alloc(60e6)));
  await expect(unpackAdapter(await write(packed), folder, maxBytes)).rejects.toMatchObject({
    code: 'archive_refused',
    message: expect.stringContaining('200 times') as unknown,
  });
  isOver = true;
  // 200 times a file of 60 kB, in pieces of 16 kB.
  expect(turns).toBeGreaterThan(200);
});

test('a zip that is packed far too well is refused before it is unpacked', async () => {
  const weights = { path: 'adapter_model.safetensors', content: Buffer.alloc(1e6) };
  await expect(unpackAdapter(await write(zipOf([weights])), folder, maxBytes)).rejects.toMatchObject({
    code: 'archive_refused',
    message: expect.stringContaining('200 times') as unknown,
  });
  expect(await readdir(folder)).toEqual([]);
});

test.each([
  ['a tar', adapter],
  ['a packed tar', gzipSync(adapter)],
  ['a zip', zipOf([{ path: 'adapter_model.safetensors', content: randomBytes(100_000) }])],
])('%s that nobody wants any more is left', async (_, content) => {
  const file = await write(content);
  const abort = new AbortController();
  const unpacking = unpackAdapter(file, folder, maxBytes, abort.signal);
  const reason = new Error('unwanted');
  abort.abort(reason);
  await expect(unpacking).rejects.toBe(reason);
});

test.each([
  ['breaks off', gzipSync(adapter).subarray(0, -50), 'cannot be read'],
  ['is packed twice', gzipSync(gzipSync(adapter)), 'packed twice'],
  ['is empty', end, 'cannot be read'],
  ['breaks off in a file', adapter.subarray(0, 2000), 'cannot be read'],
])('a tar that %s is refused', async (_, content, message) => {
  await expect(unpackAdapter(await write(content), folder, maxBytes)).rejects.toMatchObject({
    code: 'archive_refused',
    message: expect.stringContaining(message) as unknown,
  });
});
