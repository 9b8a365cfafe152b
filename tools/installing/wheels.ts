/**
 * Fetches wheels of PyPI by version and digest, through the pip of the machine and from the index that it is set up
 * for. A wheel that has arrived is kept until the installation is whole, so one that was interrupted goes on from there.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { LowrankError } from '#base/errors.js';
import { removeLeftovers } from './installation.js';
import { type ProgramOptions, runProgram } from './programs.js';

export interface Wheel {
  readonly name: string;
  readonly version: string;
  readonly sha256: string;
  /** Of the file. */
  readonly bytes: number;
}

/** How far a download has come. */
export interface FetchProgress {
  readonly wheel: Wheel;
  /** From 1. */
  readonly number: number;
  readonly count: number;
  /** Of all wheels together. */
  readonly doneBytes: number;
  readonly totalBytes: number;
}

export interface FetchOptions extends Omit<ProgramOptions, 'task' | 'folder'> {
  /** Keeps what has arrived. */
  readonly folder: string;
  readonly onProgress?: (progress: FetchProgress) => void;
}

/** Whatever Python runs pip, these are the wheels that it fetches. */
const target = [
  '--no-deps',
  '--only-binary=:all:',
  '--implementation=cp',
  '--python-version=3.11',
  '--abi=cp311',
  '--platform=manylinux_2_28_x86_64',
  '--platform=manylinux_2_27_x86_64',
  '--platform=manylinux_2_17_x86_64',
  '--platform=manylinux2014_x86_64',
];

const progressMs = 500;

export const bytesOf = (wheels: readonly Wheel[]): number =>
  wheels.reduce((sum, { bytes }) => sum + bytes, 0);

/**
 * Fetches wheels and returns their paths. Throws LowrankError `download_failed` (index out of reach, or without this
 * file), `download_damaged` (another digest), `disk_full` and `program_failed`.
 */
export async function fetchWheels(wheels: readonly Wheel[], options: FetchOptions): Promise<string[]> {
  const { folder, onProgress } = options;
  await mkdir(folder, { recursive: true });
  await removeLeftovers(folder);
  const totalBytes = bytesOf(wheels);
  const files: string[] = [];
  let before = 0;
  for (const [index, wheel] of wheels.entries()) {
    const report = (arrived: number) =>
      onProgress?.({
        wheel,
        number: index + 1,
        count: wheels.length,
        doneBytes: before + Math.min(arrived, wheel.bytes),
        totalBytes,
      });
    report(0);
    files.push(await fetchWheel(wheel, options, report));
    before += wheel.bytes;
    report(0);
  }
  return files;
}

async function fetchWheel(
  wheel: Wheel,
  { folder, ...options }: FetchOptions,
  report: (arrivedBytes: number) => void,
): Promise<string> {
  const file = join(folder, `${wheel.name}-${wheel.version}.whl`);
  if ((await sha256Of(file)) === wheel.sha256) return file;
  const scratch = join(folder, `.fetching-${process.pid}`);
  await mkdir(scratch, { recursive: true });
  // pip writes to its own temporary folder first, and then here.
  const timer = setInterval(() => {
    void largestFile(scratch).then(report, () => undefined);
  }, progressMs);
  try {
    await download(wheel, scratch, options);
    const [name, ...more] = (await readdir(scratch)).filter((entry) => entry.endsWith('.whl'));
    if (name === undefined || more.length > 0 || (await sha256Of(join(scratch, name))) !== wheel.sha256) {
      throw damaged(wheel);
    }
    await rename(join(scratch, name), file);
    return file;
  } finally {
    clearInterval(timer);
    await rm(scratch, { recursive: true, force: true });
  }
}

async function download(
  wheel: Wheel,
  scratch: string,
  options: Omit<ProgramOptions, 'task' | 'folder'>,
): Promise<void> {
  const { name, version, sha256 } = wheel;
  const requirements = join(scratch, 'requirements.txt');
  await writeFile(requirements, `${name}==${version} --hash=sha256:${sha256}\n`);
  const args = ['-m', 'pip', '--disable-pip-version-check', '--no-input', 'download', '--progress-bar=off'];
  const source = ['--no-cache-dir', '--require-hashes', `--dest=${scratch}`, '-r', requirements];
  try {
    await runProgram('python3', [...args, ...target, ...source], {
      ...options,
      // /tmp may be small.
      environment: { ...options.environment, TMPDIR: scratch },
      task: `fetching ${name} with pip`,
    });
  } catch (error) {
    options.signal?.throwIfAborted();
    throw mapError(wheel, error);
  }
}

/** What pip says in many lines, in one. */
function mapError(wheel: Wheel, cause: unknown): unknown {
  if (!(cause instanceof LowrankError)) return cause;
  const said = cause.message;
  const { name, version } = wheel;
  const details = { name, version };
  if (/DO NOT MATCH THE HASHES/i.test(said)) return damaged(wheel, cause);
  if (/No space left on device/i.test(said)) {
    return new LowrankError('disk_full', `the disk is full: ${name} could not be fetched`, {
      cause,
      details,
    });
  }
  if (
    /connection broken|ConnectionError|Temporary failure in name resolution|timed out|ProxyError/i.test(said)
  ) {
    const message = `pip cannot reach its package index, so ${name} could not be fetched: check the network, and pip's own settings with "python3 -m pip config list"; what has arrived is kept, so give the command again`;
    return new LowrankError('download_failed', message, { cause, details });
  }
  if (/No matching distribution|Could not find a version/i.test(said)) {
    const message = `the package index that pip uses has no ${name} ${version} for Linux on x86-64: check it with "python3 -m pip config list"`;
    return new LowrankError('download_failed', message, { cause, details });
  }
  return cause;
}

function damaged({ name, version }: Wheel, cause?: unknown): LowrankError {
  return new LowrankError(
    'download_damaged',
    `${name} ${version} from the package index that pip uses is not the file it should be, by its SHA-256: nothing was installed`,
    { cause, details: { name, version } },
  );
}

async function sha256Of(file: string): Promise<string | undefined> {
  const hash = createHash('sha256');
  try {
    await pipeline(createReadStream(file), hash);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  return hash.digest('hex');
}

async function largestFile(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  const sizes = await Promise.all(
    files.map(({ parentPath, name }) =>
      stat(join(parentPath, name)).then(
        ({ size }) => size,
        () => 0,
      ),
    ),
  );
  return Math.max(0, ...sizes);
}

const unpack = `
import os, re, shutil, sys, zipfile
wheel, folder, *rules = sys.argv[1:]
rules = list(zip(rules[::2], rules[1::2]))
with zipfile.ZipFile(wheel) as archive:
    for entry in archive.infolist():
        found = next((m.expand(to) for m, to in ((re.fullmatch(what, entry.filename), to) for what, to in rules) if m), None)
        if not found or found.endswith('/'):
            continue
        path = os.path.join(folder, found)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with archive.open(entry) as source, open(path, 'wb') as copy:
            shutil.copyfileobj(source, copy, 1 << 24)
        if entry.external_attr >> 16 & 0o111:
            os.chmod(path, 0o755)
`;

/**
 * Takes files out of a wheel: each rule is a regular expression of Python for the whole path in the wheel, and the path
 * in the folder, with the groups as \\1.
 */
export async function unpackWheel(
  wheel: string,
  folder: string,
  rules: readonly (readonly [path: string, target: string])[],
  options: Omit<ProgramOptions, 'task' | 'folder'>,
): Promise<void> {
  await runProgram('python3', ['-I', '-c', unpack, wheel, folder, ...rules.flat()], {
    ...options,
    task: `unpacking ${basename(wheel)}`,
  });
}
