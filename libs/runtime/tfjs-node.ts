/**
 * The backend of @tensorflow/tfjs-node and -gpu: TensorFlow itself behind TensorFlow.js's operations. An installation of
 * `tools/tfjs-node` is taken if there is one, else the npm package if it is there and loads.
 *
 * Of the package only the kernels and the addon are used. It is given the TensorFlow.js of this program in place of one
 * of its own: a second copy would have other tensors, another tape and another list of backends.
 */
import { existsSync, readdirSync } from 'node:fs';
import Module, { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { LowrankError } from '#base/errors.js';
import { type KernelBackend, tensorflow } from '#jit/door.js';
import type { TfjsNodeKind } from '#runtime/device.js';
import { type TfjsNodePaths, tfjsNodePaths } from '#runtime/tfjs-node-paths.js';

/** A backend that is registered in this process. */
export interface TfjsNode {
  readonly kind: TfjsNodeKind;
  /** The name of the TensorFlow.js backend. */
  readonly backend: string;
  /** Version of TensorFlow. */
  readonly tensorflow: string;
  /** Whether it computes on a GPU: also the build for GPUs goes on without one. */
  readonly gpu: boolean;
}

/** What the package's backend has that matters here. */
type NodeBackend = KernelBackend & {
  readonly isUsingGpuDevice: boolean;
  readonly binding: { readonly TF_Version: string };
};
type NodeBackendClass = new (addon: unknown, packageName: string) => NodeBackend;

/** The package's kernels are registered for this name and no other. */
const backend = 'tensorflow';
let loaded: TfjsNode | undefined;

/**
 * Loads a kind from the folder of all installations, or from node_modules, and registers its backend. It prints nothing
 * if the process was started with `tfjsNodeEnvironment`. A process keeps the kind it loaded first: TensorFlow cannot be unloaded.
 *
 * Throws LowrankError `tfjs_node_missing` if there is none, `tfjs_node_broken` if it does not load.
 */
export function loadTfjsNode(kind: TfjsNodeKind, root: string): TfjsNode {
  if (loaded?.kind === kind) return loaded;
  if (loaded) {
    throw new LowrankError(
      'tfjs_node_broken',
      `this process has loaded ${loaded.kind}: ${kind} needs another`,
    );
  }
  const paths = tfjsNodePaths(kind, root);
  const parts = existsSync(paths.built) ? paths : npmPackage(kind, root);
  try {
    const node = openBackend(kind, parts);
    tensorflow().registerBackend(backend, () => node);
    loaded = { kind, backend, tensorflow: node.binding.TF_Version, gpu: node.isUsingGpuDevice };
    return loaded;
  } catch (cause) {
    throw broken(kind, parts.package, cause);
  }
}

/** The package's folder and its addon. */
type Parts = Pick<TfjsNodePaths, 'package' | 'addon'>;

function openBackend(kind: TfjsNodeKind, { package: folder, addon }: Parts): NodeBackend {
  const require = createRequire(join(folder, 'package.json'));
  restoreNodeFunctions();
  lendTensorflow(require);
  const binding: unknown = require(addon);
  require(join(folder, 'dist/register_all_kernels.js'));
  const { NodeJSKernelBackend: Backend } = require(join(folder, 'dist/nodejs_kernel_backend.js')) as {
    NodeJSKernelBackend: NodeBackendClass;
  };
  return new Backend(binding, `@tensorflow/${kind}`);
}

/** Answers the package's `require('@tensorflow/tfjs')` with this program's own, gradients included. */
function lendTensorflow(require: NodeJS.Require): void {
  const file = require.resolve('@tensorflow/tfjs');
  const lent = new Module(file);
  lent.exports = { ...tensorflow() };
  lent.loaded = true;
  require.cache[file] = lent;
}

/** The npm package of a kind, where somebody has installed it and its own script has fetched or built its addon. */
function npmPackage(kind: TfjsNodeKind, root: string): Parts {
  let folder: string;
  try {
    folder = dirname(createRequire(import.meta.url).resolve(`@tensorflow/${kind}/package.json`));
  } catch (cause) {
    throw missing(kind, root, cause);
  }
  const lib = join(folder, 'lib');
  const builds = existsSync(lib) ? readdirSync(lib).filter((name) => name.startsWith('napi-')) : [];
  // The newest: its number is that of the Node-API it was made for.
  const [build] = builds.toSorted((a, b) => b.localeCompare(a, 'en', { numeric: true }));
  if (build === undefined) throw missing(kind, root);
  return { package: folder, addon: join(lib, build, 'tfjs_binding.node') };
}

function missing(kind: TfjsNodeKind, root: string, cause?: unknown): LowrankError {
  return new LowrankError(
    'tfjs_node_missing',
    `${kind} is not installed in ${root}: run "lowrank doctor --install ${kind}"`,
    { cause, details: { kind, folder: root } },
  );
}

function broken(kind: TfjsNodeKind, folder: string, cause: unknown): LowrankError {
  const [reason] = (cause instanceof Error ? cause.message : String(cause)).split('\n');
  return new LowrankError(
    'tfjs_node_broken',
    `${kind} in ${folder} does not load (${reason}): run "lowrank doctor --install ${kind}"`,
    { cause, details: { kind, folder } },
  );
}

/** The package calls two functions of `util` that are deprecated in Node 22 and gone since Node 23. */
function restoreNodeFunctions(): void {
  const util = createRequire(import.meta.url)('util') as Record<string, unknown>;
  util['isNullOrUndefined'] = (value: unknown) => value === null || value === undefined;
  util['isArray'] = Array.isArray;
}
