/**
 * Installs what ONNX Runtime needs to compute on NVIDIA's GPUs, but for the driver: the libraries of CUDA and its own
 * provider, from wheels, beside a copy of the main library that npm brought. Nothing goes into node_modules.
 */
import { copyFile, lstat, mkdir, readdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { LowrankError } from '#base/errors.js';
import { cudaPaths, onnxRuntimePackage } from '#runtime/cuda-paths.js';
import {
  alone,
  readRecord,
  removeLeftovers,
  replaceFolder,
  requireRoom,
  requireWheelPlatform,
} from '../installing/installation.js';
import { requirePrograms } from '../installing/programs.js';
import { bytesOf, type FetchProgress, fetchWheels, unpackWheel } from '../installing/wheels.js';
import { type CudaRecipe, cudaRecipe, cudaRecipeDigest } from './recipe.js';

export interface CudaInstallOptions {
  /** Such as LOWRANK_HOME/cuda. */
  readonly folder: string;
  /** Told of every stage. */
  readonly say: (line: string) => void;
  readonly onProgress?: (progress: FetchProgress) => void;
  /** The environment of the programs that are run; PATH decides which those are. */
  readonly environment: NodeJS.ProcessEnv;
  readonly signal?: AbortSignal;
  readonly recipe?: CudaRecipe;
}

export interface CudaInstallation {
  readonly folder: string;
  /** False if it was there already and nothing was done. */
  readonly isNew: boolean;
}

/** ONNX Runtime itself, which looks for its provider in the folder that it was loaded from. */
const mainLibrary = 'libonnxruntime.so.1';

/**
 * Installs the libraries. What is there already and whole stays; an interrupted call is taken up where it ended.
 *
 * Throws LowrankError `platform_unsupported`, `tools_missing`, `disk_full`, `download_failed`, `download_damaged`,
 * `program_failed` and `installation_running`; an earlier installation is then still in place.
 */
export async function installCuda(options: CudaInstallOptions): Promise<CudaInstallation> {
  const { environment, recipe = cudaRecipe } = options;
  const paths = cudaPaths(resolve(options.folder));
  const runtime = onnxRuntimePackage();
  if (runtime.version !== recipe.onnxruntime) {
    throw new LowrankError(
      'dependency_missing',
      `this program runs onnxruntime-node ${runtime.version}, and its CUDA provider is known for ${recipe.onnxruntime} only: run "npm ci" in the program's folder`,
      { details: { installed: runtime.version, known: recipe.onnxruntime } },
    );
  }
  if (await isWhole(paths.folder, recipe)) return { folder: paths.folder, isNew: false };
  requireWheelPlatform('the libraries of CUDA');
  await requirePrograms(['python3', 'pip for python3'], {
    task: 'installing the libraries of CUDA',
    environment,
  });
  return alone('the libraries of CUDA', paths.folder, () => install(options, recipe));
}

async function install(options: CudaInstallOptions, recipe: CudaRecipe): Promise<CudaInstallation> {
  const { say, onProgress, environment, signal } = options;
  const paths = cudaPaths(resolve(options.folder));
  const downloads = join(paths.folder, '.downloads');
  await removeLeftovers(paths.folder);
  await requireRoom(paths.folder, recipe.installedBytes + bytesOf(recipe.wheels) - (await sizeOf(downloads)));
  say(
    `fetching the libraries of CUDA 13 and ONNX Runtime's provider from PyPI (${(bytesOf(recipe.wheels) / 1e9).toFixed(1)} GB)`,
  );
  const wheels = await fetchWheels(recipe.wheels, { folder: downloads, environment, signal, onProgress });
  say('unpacking');
  const staging = join(paths.folder, `.building-${process.pid}`);
  try {
    await layOut(wheels, staging, options, recipe);
    // Without its record an installation does not count.
    await rm(paths.record, { force: true });
    await replaceFolder(staging, paths.libraries);
    const record = {
      recipe: cudaRecipeDigest(recipe),
      onnxruntime: recipe.onnxruntime,
      bytes: await sizesIn(paths.libraries),
    };
    await writeFile(`${staging}.json`, `${JSON.stringify(record)}\n`);
    await rename(`${staging}.json`, paths.record);
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
  await rm(downloads, { recursive: true, force: true });
  return { folder: paths.folder, isNew: true };
}

/** Makes the folder of libraries. */
async function layOut(
  wheels: readonly string[],
  folder: string,
  { environment, signal }: CudaInstallOptions,
  { libraries }: CudaRecipe,
): Promise<void> {
  await mkdir(folder, { recursive: true });
  const names = libraries.map((name) => name.replaceAll('.', String.raw`\.`)).join('|');
  for (const wheel of wheels) {
    await unpackWheel(wheel, folder, [[`.*/(${names})`, String.raw`\1`]], { environment, signal });
  }
  const found = new Set(await readdir(folder));
  const missing = libraries.filter((name) => !found.has(name));
  if (missing.length > 0) {
    const message = `the wheels do not hold ${missing.join(', ')}`;
    throw new LowrankError('download_damaged', message, { details: { missing } });
  }
  // ONNX Runtime opens cuDNN by the name that only its development package has.
  await symlink('libcudnn.so.9', join(folder, 'libcudnn.so'));
  await copyFile(join(onnxRuntimePackage().libraries, mainLibrary), join(folder, mainLibrary));
}

/** Whether everything is there in its size, as an installation of this recipe left it. */
async function isWhole(folder: string, recipe: CudaRecipe): Promise<boolean> {
  const paths = cudaPaths(folder);
  const record = await readRecord(paths.record);
  if (record?.['recipe'] !== cudaRecipeDigest(recipe)) return false;
  return isDeepStrictEqual(record['bytes'], await sizesIn(paths.libraries));
}

/** Of every file by its name; none if the folder is not there. */
async function sizesIn(folder: string): Promise<Record<string, number>> {
  const names = await readdir(folder).catch(() => []);
  const sizes = names.map(async (name): Promise<[string, number]> => {
    const { size } = await lstat(join(folder, name));
    return [name, size];
  });
  return Object.fromEntries(await Promise.all(sizes));
}

async function sizeOf(folder: string): Promise<number> {
  return Object.values(await sizesIn(folder)).reduce((sum, size) => sum + size, 0);
}
