import { createHash } from 'node:crypto';
import { mkdir, readdir, rm, stat, utimes } from 'node:fs/promises';
import path from 'node:path';
import { Inject, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { LowrankError } from '#base/errors.js';
import type { ManifestFile } from '#platform/database/entities/checkpoint.js';
import type { Platform } from '#platform/platform.js';
import { writeFlushed, writeFolderAtomically } from '#base/atomic-file.js';
import type { FoundMember } from '../compositions/members.service.js';
import { verifiedContent } from '../http/verified-content.js';
import { PLATFORM } from '../tokens.js';

/** Where one member's files lie on this machine. */
export interface MemberPlace {
  readonly folder: string;
  /** SHA-256 over the digests of the files. */
  readonly digest: string;
}

/** Members' files, which are there for as long as this is not disposed of. */
export interface TakenFiles extends Disposable {
  readonly places: readonly MemberPlace[];
}

/** Another server on this home may be about to read what was used so lately. */
const freshMs = 10 * 60_000;

/**
 * Files of adapters, fetched from the object store once:
 *
 *     HOME/cache/members/DIGEST/   what a digest stands for never changes
 */
@Injectable()
export class MemberFilesService implements OnApplicationBootstrap {
  private readonly root: string;
  private readonly fetching = new Map<string, Promise<void>>();
  /** How many use each folder. */
  private readonly uses = new Map<string, number>();

  constructor(@Inject(PLATFORM) private readonly platform: Pick<Platform, 'configuration' | 'objects'>) {
    this.root = path.join(platform.configuration.home, 'cache', 'members');
  }

  async onApplicationBootstrap(): Promise<void> {
    await this.sweep();
  }

  /**
   * The files of each member. Throws LowrankError `object_missing`, `object_corrupt`, `store_unavailable` and
   * `disk_full`, and the signal's reason between two members.
   */
  async take(members: readonly Pick<FoundMember, 'files'>[], signal: AbortSignal): Promise<TakenFiles> {
    const places = members.map(({ files }) => {
      const digest = digestOf(files);
      return { digest, folder: path.join(this.root, digest) };
    });
    for (const { digest } of places) this.uses.set(digest, (this.uses.get(digest) ?? 0) + 1);
    const release = () => {
      for (const { digest } of places) this.release(digest);
    };
    try {
      for (const [index, { digest, folder }] of places.entries()) {
        signal.throwIfAborted();
        const fetching = this.fetching.get(digest) ?? this.fetch(folder, members[index]!.files);
        this.fetching.set(digest, fetching);
        await fetching.finally(() => this.fetching.delete(digest));
      }
    } catch (error) {
      release();
      throw error;
    }
    return { places, [Symbol.dispose]: release };
  }

  /** Removes what was not used for longest, until the rest keeps within its bound. */
  async sweep(now = Date.now()): Promise<void> {
    const found: { name: string; bytes: number; usedAt: number }[] = [];
    for (const name of await readdir(this.root).catch(() => [])) {
      const entry = await measure(path.join(this.root, name));
      if (entry) found.push({ name, ...entry });
    }
    found.sort((a, b) => b.usedAt - a.usedAt);
    let bytes = 0;
    for (const entry of found) {
      bytes += entry.bytes;
      // A folder that was being written when its server died has a name of its own.
      const isLeft = entry.name.startsWith('.');
      const isFresh = now - entry.usedAt < freshMs;
      if (isFresh || this.uses.has(entry.name)) continue;
      if (!isLeft && bytes <= this.platform.configuration.generationCacheBytes) continue;
      await rm(path.join(this.root, entry.name), { recursive: true, force: true });
      bytes -= entry.bytes;
    }
  }

  private release(digest: string): void {
    const left = this.uses.get(digest)! - 1;
    if (left > 0) this.uses.set(digest, left);
    else this.uses.delete(digest);
  }

  private async fetch(folder: string, files: readonly ManifestFile[]): Promise<void> {
    if (!(await this.isThere(folder, files))) {
      await mkdir(this.root, { recursive: true });
      await rm(folder, { recursive: true, force: true });
      try {
        await writeFolderAtomically(folder, async (temporary) => {
          for (const file of files) {
            const content = await verifiedContent(this.platform.objects, file);
            await writeFlushed(path.join(temporary, file.path), content);
          }
        });
      } catch (error) {
        // Another server on this home may have been faster.
        if (!(error instanceof LowrankError) || error.code !== 'folder_exists') throw error;
      }
      await this.sweep();
    }
    await utimes(folder, new Date(), new Date());
  }

  /** What was written there had been verified; a size tells whether somebody has touched it. */
  private async isThere(folder: string, files: readonly ManifestFile[]): Promise<boolean> {
    for (const file of files) {
      const status = await stat(path.join(folder, file.path)).catch(() => null);
      if (status?.size !== file.bytes) return false;
    }
    return true;
  }
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
    bytes += (await stat(path.join(folder, name)).catch(() => null))?.size ?? 0;
  }
  return { bytes, usedAt: status.mtimeMs };
}
