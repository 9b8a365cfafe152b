/** How much memory the API has together with the processes that plan and check for it. */
import { readFile } from 'node:fs/promises';
import { familyOf } from '../e2e/service-process.js';

const betweenLooks = 250;
/** By `nameOf`. Those that answer prompts and compose hold models, and have bounds of their own. */
const counted = /^(api|planner)$/;

interface Size {
  readonly name: string;
  readonly bytes: number;
}

export interface MostMemory {
  readonly megabytes: number;
  /** What each of the processes had then. */
  readonly processes: string;
  /** The most that the process of the API had by itself. */
  readonly api: number;
  /** The most of the others that the API started, each at another time. */
  readonly others: string;
}

/** Looks at the API and its descendants until it is asked for the most that they had at a time. */
export class MemoryWatch {
  private readonly timer: NodeJS.Timeout;
  private looking: Promise<void> = Promise.resolve();
  private most: readonly Size[] = [];
  private mostOfApi = 0;
  private readonly others = new Map<string, Size>();

  constructor(api: number) {
    this.timer = setInterval(() => {
      this.looking = this.looking.then(() => this.look(api));
    }, betweenLooks);
  }

  /** Proportional set size, which counts pages that several processes share once, of all together. */
  async stop(): Promise<MostMemory> {
    clearInterval(this.timer);
    await this.looking;
    return {
      megabytes: megabytes(sum(this.most)),
      processes: listed(this.most),
      api: megabytes(this.mostOfApi),
      others: listed([...this.others.values()]),
    };
  }

  private async look(api: number): Promise<void> {
    const sizes = await Promise.all(
      familyOf(api).map(async (pid) => ({ name: await nameOf(pid), bytes: await pssOf(pid) })),
    );
    for (const { name, bytes } of sizes) {
      if (name === 'api') this.mostOfApi = Math.max(this.mostOfApi, bytes);
    }
    const own = sizes.filter(({ name }) => counted.test(name));
    if (sum(own) > sum(this.most)) this.most = own;
    for (const size of sizes) {
      if (!counted.test(size.name) && size.bytes > (this.others.get(size.name)?.bytes ?? 0)) {
        this.others.set(size.name, size);
      }
    }
  }
}

const sum = (sizes: readonly Size[]) => sizes.reduce((sum, { bytes }) => sum + bytes, 0);
const megabytes = (bytes: number) => Math.round(bytes / 1e6);

function listed(sizes: readonly Size[]): string {
  return sizes.map(({ name, bytes }) => `${name} ${megabytes(bytes)}`).join(', ') || 'none';
}

/** 0 for one that has ended. */
async function pssOf(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8').catch(() => '');
  return 1024 * Number(/^Pss:\s+(\d+) kB$/m.exec(text)?.[1] ?? 0);
}

async function nameOf(pid: number): Promise<string> {
  const text = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  return /processes\/(\w+)\.js/.exec(text)?.[1] ?? 'other';
}
