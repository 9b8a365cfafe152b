/** Where an installation of tfjs-node lies. */
import { join } from 'node:path';
import type { TfjsNodeKind } from '#runtime/device.js';

/** Where the parts of an installation lie. */
export interface TfjsNodePaths {
  /** Everything of this kind; it may be moved as a whole. */
  readonly folder: string;
  /** Written last: what was built. */
  readonly built: string;
  /** npm's package. */
  readonly package: string;
  readonly addon: string;
  /** Stands where the package looks for TensorFlow.js, and is never run: see `loadTfjsNode`. */
  readonly tensorflowShim: string;
}

/** The paths of a kind in the folder of all installations. */
export function tfjsNodePaths(kind: TfjsNodeKind, root: string): TfjsNodePaths {
  const folder = join(root, kind);
  return {
    folder,
    built: join(folder, 'built.json'),
    package: join(folder, 'package'),
    addon: join(folder, 'tfjs_binding.node'),
    tensorflowShim: join(folder, 'node_modules/@tensorflow/tfjs'),
  };
}
