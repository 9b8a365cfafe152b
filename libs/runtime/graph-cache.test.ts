import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { CompiledGraph } from '#runtime/compile.js';
import { cachedGraph, canonicalJson } from '#runtime/graph-cache.js';
import { value } from '../../test/onnx-nodes.js';

let folder: string;
beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), 'graphs-'))));
afterEach(() => rm(folder, { recursive: true }));

const graph: CompiledGraph = {
  bytes: Uint8Array.from({ length: 1000 }, (_, i) => i % 251),
  inputs: [value('x', [2, 3])],
  outputs: { y: value('v1') },
  nextState: {},
  weightFolder: undefined,
  weightLinks: [],
  loadedWeights: [],
  packsWeights: false,
  plan: { activationBytes: 1, weightBytes: 2, boundaryBytes: 3 },
};

/** A compiler that counts how often it was asked. */
function compiler() {
  const counted = { count: 0, compile: () => (counted.count++, Promise.resolve(graph)) };
  return counted;
}

const onlyFile = async () => join(folder, (await readdir(folder))[0]!);

describe('a graph', () => {
  test('is compiled once and then read, the same to the byte', async () => {
    const { compile } = compiler();
    expect(await cachedGraph(folder, { a: 1 }, compile)).toMatchObject({ cached: false });
    const again = await cachedGraph(folder, { a: 1 }, () => Promise.reject(new Error('compiled again')));
    expect(again.cached).toBe(true);
    expect(Buffer.from(again.graph.bytes).equals(graph.bytes)).toBe(true);
    expect({ ...again.graph, bytes: graph.bytes }).toEqual(graph);
  });

  test('is another one for another key, whatever the order of its fields', async () => {
    const counted = compiler();
    for (const key of [{ a: 1, b: [2] }, { b: [2], a: 1 }, { a: 1, b: [3] }, { a: 1 }, 'text', null]) {
      await cachedGraph(folder, key, counted.compile);
    }
    expect(counted.count).toBe(5);
    expect(await readdir(folder)).toHaveLength(5);
  });

  test('is kept nowhere without a folder', async () => {
    const counted = compiler();
    await cachedGraph(undefined, 'key', counted.compile);
    await cachedGraph(undefined, 'key', counted.compile);
    expect(counted.count).toBe(2);
  });

  test('whose compilation fails leaves nothing behind', async () => {
    await expect(cachedGraph(folder, 'key', () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(await readdir(folder)).toEqual([]);
  });
});

describe('a file that is damaged counts as absent and is replaced', () => {
  test.each<[string, (file: Buffer) => Buffer]>([
    ['cut off', (file) => file.subarray(0, -1)],
    ['empty', () => Buffer.alloc(0)],
    ['changed in its manifest', (file) => Buffer.from(file).fill('!', 10, 11)],
    ['changed in its graph', (file) => Buffer.from(file).fill(255, file.length - 100, file.length - 99)],
    ['longer', (file) => Buffer.concat([file, Buffer.from('more')])],
    ['something else', () => Buffer.from('not a graph, but long enough to be one at first sight')],
  ])('%s', async (_, damage) => {
    const counted = compiler();
    await cachedGraph(folder, 'key', counted.compile);
    const path = await onlyFile();
    const sound = await readFile(path);
    await writeFile(path, damage(sound));
    expect((await cachedGraph(folder, 'key', counted.compile)).cached).toBe(false);
    expect(await readFile(path)).toEqual(sound);
    expect((await cachedGraph(folder, 'key', counted.compile)).cached).toBe(true);
    expect(counted.count).toBe(2);
  });
});

test('a folder that cannot be written costs the shortcut and nothing else', async () => {
  const file = join(folder, 'file');
  await writeFile(file, '');
  const counted = compiler();
  for (const cacheFolder of [join(file, 'below'), '/dev/null/x', file]) {
    expect(await cachedGraph(cacheFolder, 'key', counted.compile)).toEqual({ graph, cached: false });
  }
  expect(counted.count).toBe(3);
});

test('several at once leave one whole file and no other', async () => {
  const counted = compiler();
  const all = await Promise.all(
    Array.from({ length: 20 }, () => cachedGraph(folder, 'key', counted.compile)),
  );
  expect(all.every((one) => Buffer.from(one.graph.bytes).equals(graph.bytes))).toBe(true);
  expect(await readdir(folder)).toEqual([expect.stringMatching(/^[0-9a-f]{64}\.graph$/)]);
  expect((await cachedGraph(folder, 'key', counted.compile)).cached).toBe(true);
});

test('the text of a key does not depend on the order of fields at any depth, but on that of lists', () => {
  expect(canonicalJson({ b: { d: 1, c: [1, 2] }, a: null })).toBe('{"a":null,"b":{"c":[1,2],"d":1}}');
  expect(canonicalJson([2, 1])).toBe('[2,1]');
});
