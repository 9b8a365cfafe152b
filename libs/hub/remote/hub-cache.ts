/**
 * The folder of downloads, as Hugging Face's own programs have it, so that a model is on the disk once for all of them:
 *
 *     CACHE/models--OWNER--NAME/refs/main          the commit that a branch had
 *                               blobs/ETAG         a file by its hash
 *                               snapshots/COMMIT/  links to those
 */
import { lstat, mkdir, readdir, readlink, rename, rm, symlink } from 'node:fs/promises';
import path from 'node:path';
import { blobOf } from '#hub/remote/partial-file.js';
import { writeFileAtomically } from '#base/atomic-file.js';

/** The folder of a repository's downloads. */
export const repositoryFolder = (cache: string, repository: string): string =>
  path.join(cache, `models--${repository.replace('/', '--')}`);

export const snapshotFolder = (cache: string, repository: string, commit: string): string =>
  path.join(repositoryFolder(cache, repository), 'snapshots', commit);

export const blobFile = (cache: string, repository: string, etag: string): string =>
  path.join(repositoryFolder(cache, repository), 'blobs', etag);

/** Gives a blob its name in a snapshot. */
export async function linkBlob(folder: string, name: string, etag: string): Promise<void> {
  const target = path.join('..', '..', 'blobs', etag);
  const link = path.join(folder, name);
  await mkdir(folder, { recursive: true });
  if ((await readlink(link).catch(() => null)) === target) return;
  const temporary = `${link}.${process.pid}.part`;
  await rm(temporary, { force: true });
  await symlink(target, temporary);
  await rename(temporary, link);
}

/** Notes which commit a branch or tag had. */
export async function noteRevision(
  cache: string,
  repository: string,
  revision: string,
  commit: string,
): Promise<void> {
  const file = path.join(repositoryFolder(cache, repository), 'refs', revision);
  await mkdir(path.dirname(file), { recursive: true });
  await writeFileAtomically(file, [new TextEncoder().encode(commit)]);
}

/** The repository and cache that a folder is a snapshot in; null for any other folder. */
export function snapshotOf(folder: string): { readonly home: string; readonly commit: string } | null {
  const commit = path.basename(folder);
  const home = path.dirname(path.dirname(folder));
  const isOne =
    /^[0-9a-f]{40}$/.test(commit) &&
    path.basename(path.dirname(folder)) === 'snapshots' &&
    path.basename(home).startsWith('models--');
  return isOne ? { home, commit } : null;
}

/**
 * Removes a snapshot and the blobs that no other snapshot of its repository links to; yields the bytes that became free.
 */
export async function removeSnapshot(folder: string): Promise<number> {
  const snapshot = snapshotOf(folder);
  if (!snapshot) return 0;
  const { home } = snapshot;
  await rm(folder, { recursive: true, force: true });
  const used = new Set<string>();
  const commits = await namesIn(path.join(home, 'snapshots'));
  for (const commit of commits) {
    for (const target of await linksIn(path.join(home, 'snapshots', commit))) used.add(path.basename(target));
  }
  let freed = 0;
  for (const blob of await namesIn(path.join(home, 'blobs'))) {
    if (used.has(blobOf(blob))) continue;
    const file = path.join(home, 'blobs', blob);
    const { size } = await lstat(file);
    await rm(file, { force: true });
    freed += size;
  }
  if (commits.length === 0) await rm(home, { recursive: true, force: true });
  return freed;
}

/** Downloads that were broken off, with their size and when something was last written to them (ms since 1970). */
export async function brokenDownloads(
  cache: string,
): Promise<{ readonly file: string; readonly size: number; readonly writtenAt: number }[]> {
  const found: { file: string; size: number; writtenAt: number }[] = [];
  for (const repository of await namesIn(cache)) {
    if (!repository.startsWith('models--')) continue;
    const blobs = path.join(cache, repository, 'blobs');
    for (const name of await namesIn(blobs)) {
      if (!name.endsWith('.incomplete')) continue;
      const file = path.join(blobs, name);
      const status = await lstat(file).catch(() => null);
      // It may be whole by now.
      if (status) found.push({ file, size: status.size, writtenAt: status.mtimeMs });
    }
  }
  return found;
}

/** Targets of the links in a folder and the folders in it. */
async function linksIn(folder: string): Promise<string[]> {
  const targets: string[] = [];
  for (const entry of await readdir(folder, { withFileTypes: true, recursive: true }).catch(() => [])) {
    if (entry.isSymbolicLink()) targets.push(await readlink(path.join(entry.parentPath, entry.name)));
  }
  return targets;
}

async function namesIn(folder: string): Promise<string[]> {
  return readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return [];
    throw error;
  });
}
