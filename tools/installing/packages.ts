/** Fetches packages of npm, from the registry that npm is set up for, and checks them. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { LowrankError } from '#base/errors.js';
import { type ProgramOptions, runProgram } from './programs.js';

/** A tarball of npm's registry. */
export interface NpmPackage {
  readonly name: string;
  readonly version: string;
  /** `sha512-` and base64, as npm's lock files have it. */
  readonly integrity: string;
}

type Options = Omit<ProgramOptions, 'task' | 'folder'>;

/** Unpacks a package into a folder; throws LowrankError `download_damaged`. */
export async function fetchPackage(
  { name, version, integrity }: NpmPackage,
  folder: string,
  scratch: string,
  options: Options,
): Promise<void> {
  const packageFolder = join(scratch, name.replaceAll('/', '-'));
  await mkdir(packageFolder, { recursive: true });
  await runProgram('npm', ['pack', '--silent', '--ignore-scripts', `${name}@${version}`], {
    ...options,
    task: `fetching ${name} with npm`,
    folder: packageFolder,
  });
  const tarball = join(packageFolder, await onlyFile(packageFolder, '.tgz'));
  const hash = createHash('sha512');
  await pipeline(createReadStream(tarball), hash);
  if (`sha512-${hash.digest('base64')}` !== integrity) {
    throw new LowrankError(
      'download_damaged',
      `the registry's ${name} ${version} is not the file that it was: nothing of it was run`,
      { details: { name, version } },
    );
  }
  await mkdir(folder, { recursive: true });
  await runProgram('tar', ['-xzf', tarball, '-C', folder, '--strip-components=1'], {
    ...options,
    task: `unpacking ${name}`,
  });
}

async function onlyFile(folder: string, ending: string): Promise<string> {
  const files = (await readdir(folder)).filter((name) => name.endsWith(ending));
  if (files.length === 1) return files[0]!;
  throw new LowrankError(
    'download_damaged',
    `the download left ${files.length} ${ending} files in ${folder}`,
  );
}
