/**
 * Makes @tensorflow/tfjs-node or -gpu work on a machine of today: its addon is compiled from the source that npm's
 * package brings, against the TensorFlow that PyPI's wheel brings. Nothing goes into node_modules, so `npm ci` takes
 * nothing away.
 */
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { TfjsNodeKind } from '#runtime/device.js';
import { tfjsNodePaths } from '#runtime/tfjs-node-paths.js';
import { buildAddon } from './build-addon.js';
import {
  alone,
  readRecord,
  removeLeftovers,
  replaceFolder,
  requireRoom,
  requireWheelPlatform,
} from '../installing/installation.js';
import { fetchPackage } from '../installing/packages.js';
import { requirePrograms, runProgram } from '../installing/programs.js';
import { bytesOf, fetchWheels, type FetchProgress, unpackWheel } from '../installing/wheels.js';
import { probeTfjsNode, type TfjsNodeProbe } from './probe.js';
import { type Recipe, recipeDigest, recipes } from './recipe.js';

export interface InstallOptions {
  readonly kind: TfjsNodeKind;
  /** Takes one folder for each kind, such as LOWRANK_HOME/tfjs-node. */
  readonly folder: string;
  /** Told of every stage. */
  readonly say: (line: string) => void;
  readonly onProgress?: (progress: FetchProgress) => void;
  /** The environment of the programs that are run; PATH decides which those are. */
  readonly environment: NodeJS.ProcessEnv;
  readonly signal?: AbortSignal;
}

export interface TfjsNodeInstallation extends TfjsNodeProbe {
  readonly folder: string;
  /** False if it was there already and nothing was done. */
  readonly isNew: boolean;
}

/**
 * Installs a kind and proves it by a small step in a process of its own. What is there already and works stays; what an
 * interrupted call left is taken away.
 *
 * Throws LowrankError `platform_unsupported`, `tools_missing`, `disk_full`, `download_damaged`, `program_failed`,
 * `installation_running` and the errors of `probeTfjsNode`; an earlier installation is then still in place.
 */
export async function installTfjsNode(options: InstallOptions): Promise<TfjsNodeInstallation> {
  const { kind, say, environment, signal } = options;
  const recipe = recipes[kind];
  const root = resolve(options.folder);
  const paths = tfjsNodePaths(kind, root);
  if ((await readRecord(paths.built))?.['recipe'] === recipeDigest(recipe)) {
    try {
      const probe = await probeTfjsNode({ kind, folder: root, environment, signal });
      return { ...probe, folder: paths.folder, isNew: false };
    } catch (error) {
      signal?.throwIfAborted();
      say(`${paths.folder} is there but does not work, so it is built again: ${(error as Error).message}`);
    }
  }
  requireWheelPlatform(kind);
  await requirePrograms(['python3', 'pip for python3', 'g++', 'npm'], {
    task: `building ${kind}`,
    environment,
  });
  return alone(kind, root, () => install(options, recipe));
}

async function install(options: InstallOptions, recipe: Recipe): Promise<TfjsNodeInstallation> {
  const { kind, say, environment, signal } = options;
  const root = resolve(options.folder);
  const paths = tfjsNodePaths(kind, root);
  await removeLeftovers(root);
  await requireRoom(root, 1e9 * recipe.gigabytes);
  // Built under another name, on the same disk: an interrupted build is never taken for a whole one.
  const staging = join(root, `.building-${process.pid}`);
  try {
    await build(kind, recipe, staging, options);
    say('trying it out');
    const probe = await probeTfjsNode({ kind, folder: staging, environment, signal });
    await replaceFolder(tfjsNodePaths(kind, staging).folder, paths.folder);
    await rm(downloads(kind, root), { recursive: true, force: true });
    return { ...probe, folder: paths.folder, isNew: true };
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}

/** Where wheels are kept until the installation is whole. */
const downloads = (kind: TfjsNodeKind, root: string) => join(root, `.downloads-${kind}`);

const tensorflowFiles = [
  [String.raw`tensorflow/(libtensorflow_(?:cc|framework)\.so\.2)`, String.raw`lib/\1`],
  [String.raw`tensorflow/(include/(?:tensorflow/c|.*/platform/ctstring|.*tsl/c/).*\.h)`, String.raw`\1`],
] as const;
const cudaFiles = [['nvidia/.*', String.raw`\g<0>`]] as const;

async function build(
  kind: TfjsNodeKind,
  recipe: Recipe,
  root: string,
  options: InstallOptions,
): Promise<void> {
  const { say, environment, signal, onProgress } = options;
  const scratch = join(root, 'scratch');
  // pip and the compiler would fill /tmp, which may be small.
  const run = { environment: { ...environment, TMPDIR: scratch }, signal };
  const { folder, built, package: backend, addon, tensorflowShim } = tfjsNodePaths(kind, root);
  const headers = join(scratch, 'headers');
  await mkdir(folder, { recursive: true });
  await mkdir(scratch, { recursive: true });
  say(`fetching ${recipe.backend.name} ${recipe.backend.version} from npm`);
  await fetchPackage(recipe.backend, backend, scratch, run);
  await fetchPackage(recipe.headers, headers, scratch, run);
  await fetchPackage(recipe.protobuf, join(folder, 'node_modules', recipe.protobuf.name), scratch, run);
  await writeModule(tensorflowShim, '// Stands for the TensorFlow.js of the program that loads the backend.');
  await writeModule(`${tensorflowShim}-core`, "module.exports = require('@tensorflow/tfjs');");
  const wheels = [recipe.tensorflow, ...recipe.cuda];
  const what = recipe.cuda.length > 0 ? ' and the libraries of CUDA' : '';
  say(
    `fetching TensorFlow ${recipe.tensorflow.version}${what} from PyPI (${(bytesOf(wheels) / 1e9).toFixed(1)} GB)`,
  );
  const [tensorflow, ...cuda] = await fetchWheels(wheels, {
    folder: downloads(kind, resolve(options.folder)),
    environment,
    signal,
    onProgress,
  });
  await unpackWheel(tensorflow!, folder, tensorflowFiles, run);
  for (const wheel of cuda) await unpackWheel(wheel, folder, cudaFiles, run);
  if (recipe.cuda.length === 0) {
    // A symbol table that nobody reads; where strip is missing it stays.
    await runProgram('strip', ['--strip-unneeded', ...(await libraries(folder))], {
      ...run,
      task: 'removing symbols',
    }).catch(() => undefined);
  }
  say('compiling the addon');
  await buildAddon({ package: backend, headers, folder, addon }, recipe.cuda.length > 0, run);
  await rm(join(folder, 'include'), { recursive: true });
  const record = {
    recipe: recipeDigest(recipe),
    package: recipe.backend.version,
    tensorflow: recipe.tensorflow.version,
  };
  await writeFile(built, `${JSON.stringify(record)}\n`);
}

async function writeModule(folder: string, code: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'index.js'), `${code}\n`);
}

async function libraries(folder: string): Promise<string[]> {
  const names = await readdir(join(folder, 'lib'));
  return names.map((name) => join(folder, 'lib', name));
}
