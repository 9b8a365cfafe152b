import { lstat, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { cudaEnvironment, onnxRuntimePackage } from '#runtime/cuda-paths.js';
import { type FakeIndex, fakeIndex } from '../installing/fake-python.js';
import type { FetchProgress, Wheel } from '../installing/wheels.js';
import { installCuda } from './install.js';
import type { CudaRecipe } from './recipe.js';

let root: string;
let folder: string;
let index: FakeIndex;
let recipe: CudaRecipe;
let [provider, blas]: Wheel[] = [];
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'cuda-install-'));
  folder = join(root, 'home/cuda');
  index = await fakeIndex(root);
  provider = await index.add('onnxruntime-gpu', {
    'onnxruntime/capi/libonnxruntime_providers_cuda.so': 'provider',
    'onnxruntime/capi/libonnxruntime_providers_tensorrt.so': 'not needed',
    'onnxruntime/__init__.py': 'not needed',
  });
  blas = await index.add('nvidia-cublas', { 'nvidia/cu13/lib/libcublas.so.13': 'products' });
  recipe = {
    onnxruntime: onnxRuntimePackage().version,
    wheels: [provider, blas],
    libraries: ['libonnxruntime_providers_cuda.so', 'libcublas.so.13'],
    installedBytes: 1000,
    minDriver: '580',
  };
});
afterEach(() => rm(root, { recursive: true }));

const install = (changes: Partial<Parameters<typeof installCuda>[0]> = {}) =>
  installCuda({ folder, recipe, environment: index.environment, say: () => undefined, ...changes });

test('the libraries lie side by side with a copy of ONNX Runtime, and child processes are told where', async () => {
  expect(await install()).toEqual({ folder, isNew: true });
  expect((await readdir(folder)).toSorted()).toEqual(['installed.json', 'lib']);
  const lib = join(folder, 'lib');
  const names = ['libcublas.so.13', 'libcudnn.so', 'libonnxruntime.so.1', 'libonnxruntime_providers_cuda.so'];
  expect((await readdir(lib)).toSorted()).toEqual(names);
  expect(await readFile(join(lib, 'libonnxruntime_providers_cuda.so'), 'utf8')).toBe('provider');
  // A link would lead into a node_modules that may move.
  expect((await lstat(join(lib, 'libonnxruntime.so.1'))).isFile()).toBe(true);
  expect(cudaEnvironment(folder, {})).toMatchObject({ LD_LIBRARY_PATH: lib });
});

test('what is installed is not fetched again, for which no tools are needed', async () => {
  await install();
  expect(await install({ environment: { PATH: '/nowhere' } })).toEqual({ folder, isNew: false });
  expect(await index.asked()).toEqual(['onnxruntime-gpu', 'nvidia-cublas']);
});

test('a library that was deleted or cut short, or another recipe, installs anew', async () => {
  await install();
  await rm(join(folder, 'lib/libcublas.so.13'));
  expect(await install()).toMatchObject({ isNew: true });
  await writeFile(join(folder, 'lib/libcublas.so.13'), 'pro');
  expect(await install()).toMatchObject({ isNew: true });
  const changed = { ...recipe, wheels: [blas!, provider!] };
  expect(await install({ recipe: changed })).toMatchObject({ isNew: true });
});

test('an installation that broke off goes on with what has arrived', async () => {
  const second = await index.add('nvidia-cublas', { 'nvidia/cu13/lib/libcublas.so.13': 'other products' });
  const stale = { ...recipe, wheels: [provider!, blas!] };
  await expect(install({ recipe: stale })).rejects.toMatchObject({ code: 'download_damaged' });
  expect(await install({ recipe: { ...recipe, wheels: [provider!, second] } })).toMatchObject({
    isNew: true,
  });
  expect(await index.asked()).toEqual(['onnxruntime-gpu', 'nvidia-cublas', 'nvidia-cublas']);
  expect(await readFile(join(folder, 'lib/libcublas.so.13'), 'utf8')).toBe('other products');
});

test('a wheel that was damaged on the disk is fetched again', async () => {
  await index.say('ERROR: something');
  await expect(install()).rejects.toMatchObject({ code: 'program_failed' });
  await index.say(undefined);
  await writeFile(join(folder, '.downloads/onnxruntime-gpu-1.0.whl'), 'half');
  expect(await install()).toMatchObject({ isNew: true });
});

test.each([
  [
    `WARNING: Retrying (Retry(total=4)) after connection broken by 'NewConnectionError': index.example`,
    'download_failed',
    /^pip cannot reach its package index.*check the network/,
  ],
  [
    'ERROR: No matching distribution found for onnxruntime-gpu==1.0 from index.example',
    'download_failed',
    /^the package index that pip uses has no onnxruntime-gpu 1\.0/,
  ],
  ['ERROR: THESE PACKAGES DO NOT MATCH THE HASHES: index.example', 'download_damaged', /by its SHA-256/],
  ["OSError: [Errno 28] No space left on device: '/index.example'", 'disk_full', /^the disk is full/],
])('what pip says becomes one sentence with the fix: %s', async (said, code, message) => {
  await index.say(said);
  const error = await install().catch((error: unknown) => error as Error);
  expect(error).toMatchObject({ code, message: expect.stringMatching(message) as unknown });
  expect((error as Error).message).not.toContain('index.example');
});

test('a machine without Python, and a disk without room, are told before anything is fetched', async () => {
  await expect(install({ environment: { PATH: '/nowhere' } })).rejects.toMatchObject({
    code: 'tools_missing',
    message: expect.stringMatching(/libraries of CUDA needs .*python3 \(install/) as unknown,
  });
  await expect(install({ recipe: { ...recipe, installedBytes: 1e18 } })).rejects.toMatchObject({
    code: 'disk_full',
    message: expect.stringContaining('LOWRANK_HOME') as unknown,
  });
  expect(await index.asked()).toEqual([]);
});

test('an earlier installation stays in place when a new one fails', async () => {
  await install();
  const before = await readFile(join(folder, 'installed.json'), 'utf8');
  const other = await index.add('nvidia-curand', {});
  const changed = { ...recipe, wheels: [...recipe.wheels, { ...other, version: '2.0' }] };
  await expect(install({ recipe: changed })).rejects.toMatchObject({ code: 'download_failed' });
  expect(await readFile(join(folder, 'installed.json'), 'utf8')).toBe(before);
  expect(await install()).toMatchObject({ isNew: false });
});

test('wheels without a library that is needed are refused', async () => {
  const changed = { ...recipe, libraries: [...recipe.libraries, 'libcurand.so.10'] };
  await expect(install({ recipe: changed })).rejects.toMatchObject({
    code: 'download_damaged',
    details: { missing: ['libcurand.so.10'] },
  });
  expect(await readdir(folder)).toEqual(['.downloads']);
});

test('progress counts the bytes of all wheels, up to the whole', async () => {
  const seen: FetchProgress[] = [];
  await install({ onProgress: (progress) => seen.push(progress) });
  const total = provider!.bytes + blas!.bytes;
  expect(seen.every(({ totalBytes, doneBytes }) => totalBytes === total && doneBytes <= total)).toBe(true);
  expect(seen.at(-1)).toMatchObject({ doneBytes: total, number: 2, count: 2 });
});

test('of two at once one installs, and the other is told by whom', async () => {
  const both = await Promise.allSettled([install(), install()]);
  expect(both.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
  expect(both.find(({ status }) => status === 'rejected')).toMatchObject({
    reason: {
      code: 'installation_running',
      details: { pid: process.pid, folder },
      message: expect.stringContaining(`process ${process.pid} installs the libraries of CUDA`) as unknown,
    },
  });
  expect(await index.asked()).toEqual(['onnxruntime-gpu', 'nvidia-cublas']);
  expect(await install()).toMatchObject({ isNew: false });
  expect((await readdir(folder)).toSorted()).toEqual(['installed.json', 'lib']);
});

test('what a process that was killed holds does not stand in the way', async () => {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, '.installing.json'), JSON.stringify({ pid: 2 ** 22 + 1 }));
  expect(await install()).toMatchObject({ isNew: true });
});

test('a provider for another version of ONNX Runtime is refused', async () => {
  await expect(install({ recipe: { ...recipe, onnxruntime: '1.0.0' } })).rejects.toMatchObject({
    code: 'dependency_missing',
  });
});
