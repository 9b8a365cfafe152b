/** Models that stay ready for the next prompt, the least recently used let go first. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { GeneratorTask } from '#contracts/generator-calls.js';
import { identifyBase } from '#hub/identify-base.js';
import { type Base, openBase, WarmModel } from './warm-model.js';

const maxKept = 8;

export type Wanted = Pick<GeneratorTask, 'base' | 'members'>;

interface Kept {
  readonly baseKey: string;
  readonly model: Promise<WarmModel>;
  /** Once it is open. */
  base?: Base;
  /** How many answer with it now. */
  uses: number;
}

export class WarmModels {
  /** By base and members; in the order of use. */
  private readonly kept = new Map<string, Kept>();
  /** One is opened at a time, so that what several need is read once. */
  private opening: Promise<unknown> = Promise.resolve();
  private identifying: Promise<unknown> = Promise.resolve();

  /** `memoryBytes` bounds the memory of this process that is not mapped from files. */
  constructor(
    private readonly cacheFolder: string,
    private readonly memoryBytes: number,
  ) {}

  /**
   * Does something with a model, which is not let go before that is done. Throws the errors of `identifyBase`,
   * `openBase` and `WarmModel.open`, and the signal's reason while the base is read.
   */
  async use<T>(
    { base, members }: Wanted,
    signal: AbortSignal,
    work: (model: WarmModel) => Promise<T>,
  ): Promise<T> {
    if (!base.verified) await this.identify(base, signal);
    const baseKey = `${base.identity} ${base.precision} ${base.folder}`;
    const key = [baseKey, ...members.map(({ digest }) => digest)].join('\n');
    const entry = this.kept.get(key) ?? this.open(key, baseKey, { base, members });
    this.kept.delete(key);
    this.kept.set(key, entry);
    entry.uses++;
    try {
      return await work(await entry.model);
    } finally {
      entry.uses--;
    }
  }

  /** One after another: what the first has read the others need not read again. */
  private async identify(
    { folder, identity: expected }: GeneratorTask['base'],
    signal: AbortSignal,
  ): Promise<void> {
    const options = { expected, onProgress: () => undefined, signal };
    const identified = this.identifying.then(() => identifyBase(folder, this.cacheFolder, options));
    this.identifying = identified.catch(() => undefined);
    await identified;
  }

  /** Goes on when the prompt that it is for is not wanted any more: another may wait for the same model. */
  private open(key: string, baseKey: string, { base, members }: Wanted): Kept {
    const opened = this.opening.then(async () => {
      await this.makeRoom();
      const known = [...this.kept.values()].find((other) => other.baseKey === baseKey && other.base);
      entry.base = known?.base ?? (await openBase(base, this.cacheFolder));
      return WarmModel.open(entry.base, members, { cacheFolder: join(this.cacheFolder, 'graphs') });
    });
    const entry: Kept = { baseKey, model: opened, uses: 0 };
    this.opening = opened.catch(() => {
      if (this.kept.get(key) === entry) this.kept.delete(key);
    });
    return entry;
  }

  /** Lets go of one model where memory is short: how much that gives back shows only after a while. */
  private async makeRoom(): Promise<void> {
    const isFull = this.kept.size > maxKept || (await ownMemory()) > this.memoryBytes;
    const oldest = [...this.kept].find(([, { uses }]) => uses === 0);
    if (!isFull || !oldest) return;
    const [key, { model }] = oldest;
    this.kept.delete(key);
    await (await model).close();
  }
}

/** Bytes of this process's memory, without what is mapped from files where the system tells them apart. */
async function ownMemory(): Promise<number> {
  const status = await readFile('/proc/self/status', 'utf8').catch(() => '');
  const kilobytes = /^RssAnon:\s+(\d+) kB$/m.exec(status)?.[1];
  return kilobytes === undefined ? process.memoryUsage.rss() : 1024 * Number(kilobytes);
}
