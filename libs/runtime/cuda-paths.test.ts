import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { cudaEnvironment, installedCuda, onnxRuntimePackage } from './cuda-paths.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cuda-paths-'));
});
afterEach(() => rm(folder, { recursive: true }));

const record = (onnxruntime: string) =>
  writeFile(join(folder, 'installed.json'), JSON.stringify({ onnxruntime }));

test('an installation comes before the paths that a person has set', async () => {
  await record(onnxRuntimePackage().version);
  const lib = join(folder, 'lib');
  expect(cudaEnvironment(folder, {})['LD_LIBRARY_PATH']).toBe(lib);
  expect(cudaEnvironment(folder, { LD_LIBRARY_PATH: '/opt/lib' })['LD_LIBRARY_PATH']).toBe(`${lib}:/opt/lib`);
});

test('an installation for another version of ONNX Runtime is left alone', async () => {
  await record('1.0.0');
  expect(installedCuda(folder)).toBe('1.0.0');
  expect(cudaEnvironment(folder, {})).not.toHaveProperty('LD_LIBRARY_PATH');
  await rm(join(folder, 'installed.json'));
  expect(installedCuda(folder)).toBeUndefined();
});

test('products are in whole float32 unless a person wants others', () => {
  expect(cudaEnvironment(folder, {})).toMatchObject({ NVIDIA_TF32_OVERRIDE: '0' });
  expect(cudaEnvironment(folder, { NVIDIA_TF32_OVERRIDE: '1' })).toMatchObject({ NVIDIA_TF32_OVERRIDE: '1' });
});
