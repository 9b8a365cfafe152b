/** Folders of installations: made under another name on the same disk, and put in place when they are whole. */
import { access, mkdir, readdir, readFile, rename, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { LowrankError } from '#base/errors.js';
import { takeLock } from '#platform/process-lock.js';

/** Throws LowrankError `platform_unsupported` unless this is Linux with glibc on x86-64, which the wheels are made for. */
export function requireWheelPlatform(what: string): void {
  const report = process.report.getReport() as { header?: { glibcVersionRuntime?: string } };
  const isGlibc = report.header?.glibcVersionRuntime !== undefined;
  if (process.platform === 'linux' && process.arch === 'x64' && isGlibc) return;
  const libc = process.platform === 'linux' && !isGlibc ? ' without glibc' : '';
  throw new LowrankError(
    'platform_unsupported',
    `${what} can be installed on Linux with glibc on x86-64 only, and this is ${process.platform} ${process.arch}${libc}: use the devices cpu or webgpu`,
    { details: { platform: process.platform, arch: process.arch } },
  );
}

/** Throws LowrankError `disk_full` if a folder's disk has less room than that. */
export async function requireRoom(folder: string, bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  const free = bavail * bsize;
  if (free >= bytes) return;
  const gigabytes = (value: number) => `${(value / 1e9).toFixed(1)} GB`;
  throw new LowrankError(
    'disk_full',
    `the installation needs ${gigabytes(bytes)} in ${folder}, and ${gigabytes(free)} are free: make room there, or set LOWRANK_HOME to a folder on another disk`,
    { details: { folder, needed: bytes, free } },
  );
}

/** Installs while no other process does so in the folder, which is made. Throws LowrankError `installation_running` (pid). */
export async function alone<T>(what: string, folder: string, install: () => Promise<T>): Promise<T> {
  await mkdir(folder, { recursive: true });
  const lock = await takeLock(join(folder, '.installing.json'));
  if ('holder' in lock) {
    const { pid } = lock.holder;
    throw new LowrankError(
      'installation_running',
      `process ${pid} installs ${what} in ${folder} already: wait until it is done, or stop it with "kill ${pid}"`,
      { details: { pid, folder } },
    );
  }
  try {
    return await install();
  } finally {
    await lock.release();
  }
}

/** Removes the folders of installations whose process is gone. */
export async function removeLeftovers(root: string): Promise<void> {
  for (const name of await readdir(root)) {
    const pid = /^\.(?:building|fetching|old)-(\d+)$/.exec(name)?.[1];
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
export async function replaceFolder(made: string, target: string): Promise<void> {
  const old = join(target, '..', `.old-${process.pid}`);
  const isThere = await access(target).then(
    () => true,
    () => false,
  );
  if (isThere) await rename(target, old);
  await rename(made, target);
  await rm(old, { recursive: true, force: true });
}

/** What an installation's record says; undefined if there is none. */
export async function readRecord(file: string): Promise<Readonly<Record<string, unknown>> | undefined> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}
