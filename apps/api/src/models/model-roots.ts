/** Which folders of the server may become base models. */
import { readdir, realpath } from 'node:fs/promises';
import { homedir } from 'node:os';
import path from 'node:path';
import { LowrankError } from '#base/errors.js';
import type { Configuration } from '#platform/config.js';
import { programRoot } from '#platform/program.js';

/**
 * What LOWRANK_MODEL_ROOTS names. By default everything where the server never had a key, since only its own machine
 * asks then (null); else the home of its account, LOWRANK_HOME, the program's own models, and /models, where containers
 * have them.
 */
export function modelRoots(
  { modelRoots: roots, home }: Pick<Configuration, 'modelRoots' | 'home'>,
  { hasKey }: { hasKey: boolean },
): readonly string[] | null {
  if (roots) return roots;
  return hasKey ? [homedir(), home, path.join(programRoot, 'models'), '/models'] : null;
}

/**
 * Throws LowrankError `model_folder_not_allowed` unless a folder and the files in it lie under one of the roots, all
 * symbolic links followed. Says the same of a folder outside whether or not it is there.
 */
export async function requireUnderRoots(folder: string, roots: readonly string[]): Promise<void> {
  const real = (await Promise.all(roots.map((root) => realpath(root).catch(() => [])))).flat();
  const isUnder = (target: string) => real.some((root) => isInside(target, root));
  const realFolder = await realpath(folder).catch(() => null);
  // What is missing is for the reader of the folder to say.
  if (realFolder === null && [...real, ...roots].some((root) => isInside(path.resolve(folder), root))) return;
  if (realFolder === null || !isUnder(realFolder)) throw notAllowed(folder, roots);
  // Snapshots in the cache of Hugging Face are links to files beside them.
  const links = (await readdir(realFolder, { withFileTypes: true }).catch(() => [])).filter((entry) =>
    entry.isSymbolicLink(),
  );
  for (const { name } of links) {
    const target = await realpath(path.join(realFolder, name)).catch(() => null);
    if (target !== null && !isUnder(target)) throw notAllowed(path.join(folder, name), roots);
  }
}

function isInside(target: string, root: string): boolean {
  const relative = path.relative(root, target);
  return relative === '' || (relative.split(path.sep)[0] !== '..' && !path.isAbsolute(relative));
}

function notAllowed(folder: string, roots: readonly string[]): LowrankError {
  return new LowrankError(
    'model_folder_not_allowed',
    `folder: ${folder} does not lie under a folder for base models (${roots.join(', ')}): move it there, or name its ` +
      'folder in LOWRANK_MODEL_ROOTS and start the server again',
    { details: { roots } },
  );
}
