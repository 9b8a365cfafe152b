/** How much memory a process and those that it started have together. */
import { readFile } from 'node:fs/promises';
import { familyOf } from '../e2e/service-process.js';

const betweenLooks = 250;

/** Looks at a process and its descendants until it is asked for the most that they had at a time. */
export class MemoryWatch {
  private readonly timer: NodeJS.Timeout;
  private looking: Promise<void> = Promise.resolve();
  private most = { bytes: 0, processes: '' };

  constructor(root: number) {
    this.timer = setInterval(() => {
      this.looking = this.looking.then(() => this.look(root));
    }, betweenLooks);
  }

  /** Proportional set size, which counts pages that several processes share once, of all together. */
  async stop(): Promise<{ readonly megabytes: number; readonly processes: string }> {
    clearInterval(this.timer);
    await this.looking;
    return { megabytes: Math.round(this.most.bytes / 1e6), processes: this.most.processes };
  }

  private async look(root: number): Promise<void> {
    const sizes = await Promise.all(
      familyOf(root).map(async (pid) => [await nameOf(pid), await pssOf(pid)] as const),
    );
    const bytes = sizes.reduce((sum, [, size]) => sum + size, 0);
    if (bytes <= this.most.bytes) return;
    this.most = {
      bytes,
      processes: sizes.map(([name, size]) => `${name} ${Math.round(size / 1e6)}`).join(', '),
    };
  }
}

/** 0 for one that has ended. */
async function pssOf(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8').catch(() => '');
  return 1024 * Number(/^Pss:\s+(\d+) kB$/m.exec(text)?.[1] ?? 0);
}

async function nameOf(pid: number): Promise<string> {
  const text = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  return /apps\/(\w+)\/src\/(?:\w+\/)*([\w-]+)\.js/.exec(text)?.slice(1).join('/') ?? 'other';
}
