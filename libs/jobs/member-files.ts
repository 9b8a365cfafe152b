/**
 * Files of adapters, fetched from the object store once for all that use them on this machine:
 *
 *     HOME/cache/members/DIGEST/   what a digest stands for never changes
 */
import { createHash } from 'node:crypto';
import { readdir, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { LowrankError } from '#base/errors.js';
import type { MemberFolder } from '#contracts/member-folder.js';
import type { ManifestFile } from '#platform/database/entities/checkpoint.js';
import { downloadFolder } from '#platform/objects/download.js';
import type { Platform } from '#platform/platform.js';

/** An adapter, or the adapter in a checkpoint, as it is stored. */
export interface StoredMember {
  readonly id: string;
  readonly weight: number;
  readonly baseIdentity: string;
  readonly files: readonly ManifestFile[];
}

/** Members' files, which are there for as long as this is not disposed of. */
export interface TakenFiles extends Disposable {
  readonly folders: readonly MemberFolder[];
}

/** Another process on this home may be about to read what was used so lately. */
const freshMs = 10 * 60_000;
/** So often it is told that a folder is still used. */
const touchMs = 2 * 60_000;

export class MemberFiles {
  private readonly root: string;
  private readonly fetching = new Map<string, Promise<void>>();
  /** How many use each folder. */
  private readonly uses = new Map<string, number>();
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly platform: Pick<Platform, 'configuration' | 'objects'>) {
    this.root = join(platform.configuration.home, 'cache', 'members');
  }

  /**
   * The files of each member, in their order. Throws LowrankError `object_missing`, `object_corrupt`, `store_unavailable`
   * and `disk_full`, and the signal's reason.
   */
  async take(members: readonly StoredMember[], signal: AbortSignal): Promise<TakenFiles> {
    const folders = members.map(({ id, weight, baseIdentity, files }): MemberFolder => {
      const digest = digestOf(files);
      return { name: id, folder: join(this.root, digest), digest, weight, base: baseIdentity };
    });
    for (const { digest } of folders) this.hold(digest);
    const release = () => {
      for (const { digest } of folders) this.release(digest);
    };
    try {
      for (const [index, { digest, folder }] of folders.entries()) {
        await this.fetchOnce(digest, folder, members[index]!.files, signal);
      }
    } catch (error) {
      release();
      throw error;
    }
    return { folders, [Symbol.dispose]: release };
  }

  /** Removes what was not used for longest, until the rest keeps within its bound. */
  async sweep(now = Date.now()): Promise<void> {
    const found: { name: string; bytes: number; usedAt: number }[] = [];
    for (const name of await readdir(this.root).catch(() => [])) {
      const entry = await measure(join(this.root, name));
      if (entry) found.push({ name, ...entry });
    }
    found.sort((a, b) => b.usedAt - a.usedAt);
    let bytes = 0;
    for (const entry of found) {
      bytes += entry.bytes;
      // A folder that was being written when its process died has a name of its own.
      const isLeft = entry.name.startsWith('.');
      const isFresh = now - entry.usedAt < freshMs;
      if (isFresh || this.uses.has(entry.name)) continue;
      if (!isLeft && bytes <= this.platform.configuration.generationCacheBytes) continue;
      const folder = join(this.root, entry.name);
      // Another process may have begun to use it meanwhile.
      if ((await stat(folder).catch(() => null))?.mtimeMs !== entry.usedAt) continue;
      await rm(folder, { recursive: true, force: true });
      bytes -= entry.bytes;
    }
  }

  private hold(digest: string): void {
    this.uses.set(digest, (this.uses.get(digest) ?? 0) + 1);
    this.timer ??= setInterval(() => {
      for (const used of this.uses.keys()) void touch(join(this.root, used)).catch(() => undefined);
    }, touchMs).unref();
  }

  private release(digest: string): void {
    const left = this.uses.get(digest)! - 1;
    if (left > 0) this.uses.set(digest, left);
    else this.uses.delete(digest);
    if (this.uses.size > 0) return;
    clearInterval(this.timer);
    this.timer = undefined;
  }

  /** Whoever comes while a folder is fetched waits for that, and fetches it where the one before had to stop. */
  private async fetchOnce(
    digest: string,
    folder: string,
    files: readonly ManifestFile[],
    signal: AbortSignal,
  ): Promise<void> {
    for (let running; (running = this.fetching.get(digest));) {
      await running.catch(() => undefined);
      signal.throwIfAborted();
    }
    signal.throwIfAborted();
    const fetching = this.fetch(folder, files, signal).finally(() => this.fetching.delete(digest));
    this.fetching.set(digest, fetching);
    await fetching;
  }

  private async fetch(folder: string, files: readonly ManifestFile[], signal: AbortSignal): Promise<void> {
    await touch(folder).catch(() => undefined);
    if (await isThere(folder, files)) return;
    try {
      await downloadFolder(this.platform.objects, files, folder, signal);
    } catch (error) {
      // Another process on this home may have been faster.
      if (!(error instanceof LowrankError) || error.code !== 'folder_exists') throw error;
    }
    await this.sweep();
  }
}

async function touch(folder: string): Promise<void> {
  await utimes(folder, new Date(), new Date());
}

/** What was written there had been verified; a size tells whether somebody has touched it. */
async function isThere(folder: string, files: readonly ManifestFile[]): Promise<boolean> {
  for (const file of files) {
    const status = await stat(join(folder, file.path)).catch(() => null);
    if (status?.size !== file.bytes) return false;
  }
  return true;
}

function digestOf(files: readonly ManifestFile[]): string {
  const lines = files.map(({ path: name, sha256 }) => `${name} ${sha256}\n`).sort();
  return createHash('sha256').update(lines.join('')).digest('hex');
}

async function measure(folder: string): Promise<{ bytes: number; usedAt: number } | undefined> {
  const status = await stat(folder).catch(() => null);
  if (!status) return undefined;
  let bytes = 0;
  for (const name of await readdir(folder).catch(() => [])) {
    bytes += (await stat(join(folder, name)).catch(() => null))?.size ?? 0;
  }
  return { bytes, usedAt: status.mtimeMs };
}
