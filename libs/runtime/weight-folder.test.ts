import { mkdir, mkdtemp, readdir, readFile, realpath, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { OnnxModel } from '#runtime/onnx-graph.js';
import { gatherWeightFiles, linkWeightFiles } from '#runtime/weight-folder.js';
import { value } from '../../test/onnx-nodes.js';

let folder: string;
beforeEach(async () => void (folder = await realpath(await mkdtemp(join(tmpdir(), 'weights-')))));
afterEach(() => rm(folder, { recursive: true }));

const modelOf = (files: readonly string[]): OnnxModel => ({
  inputs: [],
  outputs: [],
  nodes: [],
  inline: [],
  external: files.map((file, i) => ({ value: value(`w${i}`), file, offset: 0, byteLength: 4 })),
});

async function writeWeights(name: string, content: string): Promise<string> {
  const file = join(folder, name);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, content);
  return file;
}

test('files of one folder stay where they are', () => {
  const model = modelOf(['/models/a/1.safetensors', '/models/a/2.safetensors', '/models/a/1.safetensors']);
  expect(gatherWeightFiles(model, undefined)).toEqual({ model, folder: '/models/a', links: [] });
  expect(gatherWeightFiles(modelOf([]), undefined).folder).toBeUndefined();
});

test('files of several folders need a place to be linked in', () => {
  expect(() => gatherWeightFiles(modelOf(['/a/1', '/b/1']), undefined)).toThrow(
    expect.objectContaining({
      code: 'weights_scattered',
      message: expect.stringMatching(/\/a, \/b/) as string,
    }),
  );
});

describe('files of several folders', () => {
  async function gather() {
    const files = [await writeWeights('a/model', 'one'), await writeWeights('b/model', 'two')];
    const gathered = gatherWeightFiles(modelOf(files), join(folder, 'cache'));
    await linkWeightFiles(gathered.links);
    return { files, ...gathered };
  }
  const contents = (model: OnnxModel) =>
    Promise.all(model.external.map(({ file }) => readFile(file, 'utf8')));

  test('are linked into one, under different names, without a copy', async () => {
    const { files, model, folder } = await gather();
    expect(new Set(model.external.map(({ file }) => dirname(file)))).toEqual(new Set([folder]));
    expect(await contents(model)).toEqual(['one', 'two']);
    for (const [i, { file }] of model.external.entries()) {
      expect((await stat(file)).ino).toBe((await stat(files[i]!)).ino);
    }
  });

  test('may be linked again, also by several at once', async () => {
    const { links, model, folder } = await gather();
    await Promise.all([linkWeightFiles(links), linkWeightFiles(links), linkWeightFiles(links)]);
    await rm(folder!, { recursive: true });
    await Promise.all([linkWeightFiles(links), linkWeightFiles(links), linkWeightFiles(links)]);
    expect(await contents(model)).toEqual(['one', 'two']);
    expect(await readdir(folder!)).toHaveLength(2);
  });

  test('are linked anew when a file has been replaced', async () => {
    const { files, links, model, folder } = await gather();
    await rename(await writeWeights('b/new', 'three'), files[1]!);
    expect(await contents(model)).toEqual(['one', 'two']);
    await linkWeightFiles(links);
    expect(await contents(model)).toEqual(['one', 'three']);
    expect(await readdir(folder!)).toHaveLength(2);
  });

  test('that cannot be linked are named', async () => {
    const { links, files } = await gather();
    await rm(files[0]!);
    await expect(linkWeightFiles(links)).rejects.toMatchObject({
      code: 'weights_scattered',
      message: expect.stringContaining(files[0]!) as string,
    });
  });
});
