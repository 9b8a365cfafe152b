/** Models that stay ready for the next prompt, the least recently used let go first. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { GeneratorTask } from '#contracts/generator-messages.js';
import { identifyBase } from '#hub/identify-base.js';
import { type Base, openBase, WarmModel } from './warm-model.js';

const mostKept = 8;

export class WarmModels {
  /** By base and members; in the order of use. */
  private readonly kept = new Map<string, WarmModel>();

  /** `memoryBytes` bounds the memory of this process that is not mapped from files. */
  constructor(
    private readonly cacheFolder: string,
    private readonly memoryBytes: number,
  ) {}

  /** Throws the errors of `identifyBase`, `openBase` and `WarmModel.open`. */
  async get(
    { base, members }: Pick<GeneratorTask, 'base' | 'members'>,
    signal: AbortSignal,
  ): Promise<WarmModel> {
    const { folder, identity: expected, verified } = base;
    if (!verified) {
      await identifyBase(folder, this.cacheFolder, { expected, onProgress: () => undefined, signal });
    }
    const baseKey = `${expected} ${folder}`;
    const key = [baseKey, ...members.map(({ digest }) => digest)].join('\n');
    const known = this.kept.get(key);
    if (known) {
      this.kept.delete(key);
      this.kept.set(key, known);
      return known;
    }
    await this.makeRoom();
    const opened = await WarmModel.open(await this.base(baseKey, base), members, {
      cacheFolder: join(this.cacheFolder, 'graphs'),
      signal,
    });
    this.kept.set(key, opened);
    return opened;
  }

  private async base(baseKey: string, wanted: GeneratorTask['base']): Promise<Base> {
    for (const [key, { base }] of this.kept) if (key.split('\n')[0] === baseKey) return base;
    return openBase(wanted);
  }

  /** Lets go of one model where memory is short: how much that gives back shows only after a while. */
  private async makeRoom(): Promise<void> {
    const isFull = this.kept.size >= mostKept || (await ownMemory()) > this.memoryBytes;
    const [oldest] = this.kept;
    if (!isFull || !oldest) return;
    const [key, model] = oldest;
    this.kept.delete(key);
    await model.close();
  }
}

/** Bytes of this process's memory, without what is mapped from files where the system tells them apart. */
async function ownMemory(): Promise<number> {
  const status = await readFile('/proc/self/status', 'utf8').catch(() => '');
  const kilobytes = /^RssAnon:\s+(\d+) kB$/m.exec(status)?.[1];
  return kilobytes === undefined ? process.memoryUsage.rss() : 1024 * Number(kilobytes);
}
