/** Fetches what a recipe names, from the registries that npm and pip are set up for, and checks it. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { LowrankError } from '#base/errors.js';
import { type ProgramOptions, runProgram } from './programs.js';
import type { NpmPackage, Wheel } from './recipe.js';

type Options = Omit<ProgramOptions, 'task' | 'folder'>;

/** Unpacks a package into a folder; throws LowrankError `download_damaged`. */
export async function fetchPackage(
  { name, version, integrity }: NpmPackage,
  folder: string,
  scratch: string,
  options: Options,
): Promise<void> {
  const place = join(scratch, name.replaceAll('/', '-'));
  await mkdir(place, { recursive: true });
  await runProgram('npm', ['pack', '--silent', '--ignore-scripts', `${name}@${version}`], {
    ...options,
    task: `fetching ${name} with npm`,
    folder: place,
  });
  const tarball = join(place, await onlyFile(place, '.tgz'));
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

/** Wheels for these: whatever Python runs pip, nothing of a wheel is run by it. */
const target = [
  '--no-deps',
  '--only-binary=:all:',
  '--implementation=cp',
  '--python-version=3.11',
  '--abi=cp311',
  '--platform=manylinux_2_27_x86_64',
  '--platform=manylinux_2_17_x86_64',
  '--platform=manylinux2014_x86_64',
];

async function pip(
  command: readonly string[],
  wheels: readonly Wheel[],
  scratch: string,
  options: Options,
): Promise<void> {
  const names = wheels.map(({ name }) => name).join(', ');
  const file = join(scratch, 'requirements.txt');
  const lines = wheels.map(({ name, version, sha256 }) => `${name}==${version} --hash=sha256:${sha256}\n`);
  await writeFile(file, lines.join(''));
  const [verb, ...rest] = command as [string, ...string[]];
  const args = [
    '-m',
    'pip',
    '--disable-pip-version-check',
    '--no-input',
    verb,
    '--quiet',
    '--require-hashes',
  ];
  await runProgram('python3', [...args, ...target, ...rest, '-r', file], {
    ...options,
    task: `fetching ${names} with pip`,
  });
}

/** Fetches one wheel and returns its path. */
export async function fetchWheel(wheel: Wheel, scratch: string, options: Options): Promise<string> {
  const place = join(scratch, 'wheel');
  await pip(['download', `--dest=${place}`], [wheel], scratch, options);
  return join(place, await onlyFile(place, '.whl'));
}

/** Unpacks wheels into a folder. */
export function unpackWheels(
  wheels: readonly Wheel[],
  folder: string,
  scratch: string,
  options: Options,
): Promise<void> {
  // Gigabytes that nobody asks for twice.
  return pip(['install', '--no-cache-dir', '--no-compile', `--target=${folder}`], wheels, scratch, options);
}

const takeOut = `
import os, re, shutil, sys, zipfile
wheel, folder = sys.argv[1:]
with zipfile.ZipFile(wheel) as archive:
    for name in archive.namelist():
        library = re.fullmatch(r'tensorflow/(libtensorflow_(?:cc|framework)\\.so\\.2)', name)
        header = re.fullmatch(r'tensorflow/(include/(?:tensorflow/c|.*/platform/ctstring|.*tsl/c/).*\\.h)', name)
        if not (library or header):
            continue
        path = os.path.join(folder, 'lib/' + library[1] if library else header[1])
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with archive.open(name) as source, open(path, 'wb') as target:
            shutil.copyfileobj(source, target, 1 << 24)
`;

/** Takes TensorFlow's libraries into `lib` and the headers of its C API into `include` of a folder. */
export async function takeLibraries(wheel: string, folder: string, options: Options): Promise<void> {
  await runProgram('python3', ['-I', '-c', takeOut, wheel, folder], {
    ...options,
    task: 'unpacking TensorFlow',
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
