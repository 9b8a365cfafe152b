/** Compiles the addon of @tensorflow/tfjs-node against TensorFlow's libraries. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type ProgramOptions, runProgram } from '../installing/programs.js';

export interface AddonPlaces {
  /** The backend's package, with the addon's source in `binding`. */
  readonly package: string;
  /** The headers of Node-API. */
  readonly headers: string;
  /** Where `lib`, `include` and for CUDA `nvidia` lie, which the addon looks for beside itself. */
  readonly folder: string;
  /** What is made, in `folder`. */
  readonly addon: string;
}

/**
 * TensorFlow looks for CUDA's libraries beside its own, but not for all: the solver and what that needs are found only
 * if the addon has them loaded before. Each comes after what it depends on.
 */
const linkedCuda = [
  'nvjitlink/lib/libnvJitLink',
  'cuda_runtime/lib/libcudart',
  'cublas/lib/libcublasLt',
  'cublas/lib/libcublas',
  'cusparse/lib/libcusparse',
  'cusolver/lib/libcusolver',
];

export async function buildAddon(
  { package: source, headers, folder, addon }: AddonPlaces,
  withCuda: boolean,
  options: Omit<ProgramOptions, 'task' | 'folder'>,
): Promise<void> {
  const binding = join(source, 'binding');
  const files = (await readdir(binding)).filter((name) => /^tfjs_.*\.cc$/.test(name)).toSorted();
  const cuda = withCuda ? await cudaLibraries(join(folder, 'nvidia')) : [];
  const searched = ['lib', ...cuda.map(({ folder }) => `nvidia/${folder}`)];
  const rpath = [...new Set(searched)].map((folder) => `$ORIGIN/${folder}`).join(':');
  const args = [
    '-std=c++17',
    '-O2',
    '-shared',
    '-fPIC',
    '-DNAPI_VERSION=8',
    `-I${join(headers, 'include')}`,
    `-I${join(folder, 'include')}`,
    ...files.map((name) => join(binding, name)),
    '-o',
    addon,
    '-Wl,--no-as-needed',
    ...cuda.map(({ file }) => file),
    `-L${join(folder, 'lib')}`,
    '-l:libtensorflow_cc.so.2',
    '-l:libtensorflow_framework.so.2',
    `-Wl,-rpath,${rpath}`,
  ];
  await runProgram('g++', args, { ...options, task: "compiling tfjs-node's addon" });
}

async function cudaLibraries(root: string): Promise<{ file: string; folder: string }[]> {
  const found = [];
  for (const library of linkedCuda) {
    const cut = library.lastIndexOf('/');
    const [folder, start] = [library.slice(0, cut), `${library.slice(cut + 1)}.so.`];
    const names = (await readdir(join(root, folder))).filter((name) => name.startsWith(start));
    found.push(...names.map((name) => ({ file: join(root, folder, name), folder })));
  }
  return found;
}
