/**
 * Makes @tensorflow/tfjs-node or -gpu work on a machine of today: its addon is compiled from the source that npm's
 * package brings, against the TensorFlow that PyPI's wheel brings. Nothing goes into node_modules, so `npm ci` takes
 * nothing away.
 */
import { access, mkdir, readdir, readFile, rename, rm, statfs, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { LowrankError } from '#base/errors.js';
import type { TfjsNodeKind } from '#runtime/device.js';
import { tfjsNodePlace } from '#runtime/tfjs-node-place.js';
import { buildAddon } from './build-addon.js';
import { fetchPackage, fetchWheel, takeLibraries, unpackWheels } from './fetch.js';
import { probeTfjsNode, type TfjsNodeProbe } from './probe.js';
import { requirePrograms, runProgram } from './programs.js';
import { type Recipe, recipeDigest, recipes } from './recipe.js';

export interface InstallOptions {
  readonly kind: TfjsNodeKind;
  /** Takes one folder for each kind, such as LOWRANK_HOME/tfjs-node. */
  readonly folder: string;
  /** Told of every stage. */
  readonly say: (line: string) => void;
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
 * Throws LowrankError `platform_unsupported`, `tools_missing`, `disk_full`, `download_damaged`, `program_failed` and the
 * errors of `probeTfjsNode`; an earlier installation is then still in place.
 */
export async function installTfjsNode(options: InstallOptions): Promise<TfjsNodeInstallation> {
  const { kind, say, environment, signal } = options;
  const recipe = recipes[kind];
  const root = resolve(options.folder);
  const place = tfjsNodePlace(kind, root);
  if ((await builtDigest(place.built)) === recipeDigest(recipe)) {
    try {
      const probe = await probeTfjsNode({ kind, folder: root, environment, signal });
      return { ...probe, folder: place.folder, isNew: false };
    } catch (error) {
      signal?.throwIfAborted();
      say(`${place.folder} is there but does not work, so it is built again: ${(error as Error).message}`);
    }
  }
  requirePlatform();
  await requirePrograms(environment);
  await mkdir(root, { recursive: true });
  await removeLeftovers(root);
  await requireRoom(root, recipe.gigabytes);
  // Built under another name, on the same disk: an interrupted build is never taken for a whole one.
  const staging = join(root, `.building-${process.pid}`);
  try {
    await build(kind, recipe, staging, options);
    say('trying it out');
    const probe = await probeTfjsNode({ kind, folder: staging, environment, signal });
    await replace(tfjsNodePlace(kind, staging).folder, place.folder);
    return { ...probe, folder: place.folder, isNew: true };
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}

async function build(
  kind: TfjsNodeKind,
  recipe: Recipe,
  root: string,
  { say, environment, signal }: InstallOptions,
): Promise<void> {
  const scratch = join(root, 'scratch');
  // pip and the compiler would fill /tmp, which may be small.
  const run = { environment: { ...environment, TMPDIR: scratch }, signal };
  const { folder, built, package: backend, addon, tensorflowShim } = tfjsNodePlace(kind, root);
  const headers = join(scratch, 'headers');
  await mkdir(folder, { recursive: true });
  await mkdir(scratch, { recursive: true });
  say(`fetching ${recipe.backend.name} ${recipe.backend.version} from npm`);
  await fetchPackage(recipe.backend, backend, scratch, run);
  await fetchPackage(recipe.headers, headers, scratch, run);
  await fetchPackage(recipe.protobuf, join(folder, 'node_modules', recipe.protobuf.name), scratch, run);
  await writeModule(tensorflowShim, '// Stands for the TensorFlow.js of the program that loads the backend.');
  await writeModule(`${tensorflowShim}-core`, "module.exports = require('@tensorflow/tfjs');");
  say(`fetching ${recipe.tensorflow.name} ${recipe.tensorflow.version} from PyPI`);
  const wheel = await fetchWheel(recipe.tensorflow, scratch, run);
  await takeLibraries(wheel, folder, run);
  if (recipe.cuda.length > 0) {
    say('fetching the CUDA libraries from PyPI (2 GB)');
    await unpackWheels(recipe.cuda, folder, scratch, run);
  } else {
    // A symbol table that nobody reads; where strip is missing it stays.
    await runProgram('strip', ['--strip-unneeded', ...(await libraries(folder))], {
      ...run,
      task: 'removing symbols',
    }).catch(() => undefined);
  }
  say('compiling the addon');
  await buildAddon({ package: backend, headers, folder, addon }, recipe.cuda.length > 0, run);
  await rm(join(folder, 'include'), { recursive: true });
  const { backend: tfjs, tensorflow } = recipe;
  const record = { recipe: recipeDigest(recipe), package: tfjs.version, tensorflow: tensorflow.version };
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

async function builtDigest(file: string): Promise<unknown> {
  try {
    return (JSON.parse(await readFile(file, 'utf8')) as { recipe?: unknown }).recipe;
  } catch {
    return undefined;
  }
}

function requirePlatform(): void {
  const report = process.report.getReport() as { header?: { glibcVersionRuntime?: string } };
  const isGlibc = report.header?.glibcVersionRuntime !== undefined;
  if (process.platform === 'linux' && process.arch === 'x64' && isGlibc) return;
  const libc = process.platform === 'linux' && !isGlibc ? ' without glibc' : '';
  throw new LowrankError(
    'platform_unsupported',
    `tfjs-node can be built on Linux with glibc on x86-64 only, and this is ${process.platform} ${process.arch}${libc}: use the devices cpu or webgpu`,
    { details: { platform: process.platform, arch: process.arch } },
  );
}

async function requireRoom(folder: string, gigabytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  const free = bavail * bsize;
  if (free >= gigabytes * 1e9) return;
  throw new LowrankError(
    'disk_full',
    `building this takes ${gigabytes} GB in ${folder}, and ${(free / 1e9).toFixed(1)} GB are free: make room, or name another folder`,
    { details: { folder, needed: gigabytes * 1e9, free } },
  );
}

/** Folders of builds whose process is gone. */
async function removeLeftovers(root: string): Promise<void> {
  for (const name of await readdir(root)) {
    const pid = /^\.(?:building|old)-(\d+)$/.exec(name)?.[1];
    if (pid && !isAlive(Number(pid))) await rm(join(root, name), { recursive: true, force: true });
  }
}

function isAlive(pid: number): boolean {
  if (pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Puts a folder in the place of another, which processes that have loaded it can go on using. */
async function replace(made: string, place: string): Promise<void> {
  const old = join(place, '..', `.old-${process.pid}`);
  const isThere = await access(place).then(
    () => true,
    () => false,
  );
  if (isThere) await rename(place, old);
  await rename(made, place);
  await rm(old, { recursive: true, force: true });
}
