/** `lowrank prune`: gives back disk space that can be had again. */
import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from 'commander';
import type { CommandContext, Run } from '../context.js';
import { byteSize } from '../format.js';
import { wholeNumber } from './arguments.js';

interface PruneOptions {
  readonly days: number;
  readonly dryRun?: boolean;
}

/** Folders of the home whose entries can all be made or fetched again. */
const caches = [
  'cache/graphs',
  'cache/data',
  'cache/adapters',
  'cache/members',
  'cache/int8',
  'cache/blocks',
  'cache/outlines',
];
const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

export function addPrune(program: Command, run: Run): void {
  program
    .command('prune')
    .description(
      'remove what can be made again: compiled graphs, prepared data, rounded base models, fetched adapters, downloads that broke off',
    )
    .option('--days <number>', 'only what was not used for so long; 0 is all', wholeNumber(0, 10_000), 30)
    .option('--dry-run', 'only say what would go')
    .action(run<PruneOptions>(prune));
}

async function prune(
  { environment, output }: CommandContext,
  _: readonly string[],
  { days, dryRun = false }: PruneOptions,
): Promise<void> {
  const { parseConfiguration } = await import('#platform/config.js');
  const { brokenDownloads } = await import('#hub/remote/hub-cache.js');
  const { home, hub } = parseConfiguration(environment);
  const before = Date.now() - days * dayMs;
  let bytes = 0;
  let entries = 0;
  for (const cache of caches) {
    for (const name of await namesIn(join(home, cache))) {
      const path = join(home, cache, name);
      const { size, usedAt } = await measure(path);
      if (usedAt > before) continue;
      if (!dryRun) await rm(path, { recursive: true, force: true });
      bytes += size;
      entries++;
    }
  }
  for (const { file, size, writtenAt } of await brokenDownloads(hub.cache)) {
    // One that goes on now is written to all the time.
    if (writtenAt > Math.min(before, Date.now() - hourMs)) continue;
    if (!dryRun) await rm(file, { force: true });
    bytes += size;
    entries++;
  }
  output.result({ home, entries, bytes, dry_run: dryRun }, () => {
    return `${dryRun ? 'would remove' : 'removed'} ${entries} entries, ${byteSize(bytes)}, from ${home}`;
  });
}

/** Bytes of a file or folder, and when anything in it was last used, in milliseconds since 1970. */
async function measure(path: string): Promise<{ size: number; usedAt: number }> {
  const status = await stat(path).catch(() => undefined);
  if (!status) return { size: 0, usedAt: Infinity };
  const own = {
    size: status.isDirectory() ? 0 : status.size,
    usedAt: Math.max(status.atimeMs, status.mtimeMs),
  };
  if (!status.isDirectory()) return own;
  let { size } = own;
  let usedAt = status.mtimeMs;
  for (const name of await namesIn(path)) {
    const inner = await measure(join(path, name));
    size += inner.size;
    usedAt = Math.max(usedAt, inner.usedAt);
  }
  return { size, usedAt };
}

async function namesIn(folder: string): Promise<string[]> {
  return readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
}
