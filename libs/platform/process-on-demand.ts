/** A child process that is started when it is needed and ended when it has not been needed for a while. */
import type { Methods } from '#contracts/process-calls.js';
import { ProcessClient, type ProcessSettings } from '#platform/process-client.js';

export interface KeepOptions {
  /** Time after which it ends when nobody needs it. */
  readonly idleMilliseconds: number;
  /** One that has more memory than this takes no more calls: the next call starts another. Default without bound. */
  readonly keptBytes?: number;
}

export class ProcessOnDemand<M extends Methods> {
  private current: ProcessClient<M> | undefined;
  /** Those that only answer what they were asked. */
  private readonly retired = new Set<ProcessClient<M>>();
  private holders = 0;
  private idle: NodeJS.Timeout | undefined;

  constructor(
    private readonly settings: () => ProcessSettings<M>,
    private readonly options: KeepOptions,
  ) {}

  /** The process, while there is one that lives. */
  get running(): ProcessClient<M> | undefined {
    return this.current?.isAlive ? this.current : undefined;
  }

  /** The process, started if there is none. To be called by holders, for each call. */
  client(): ProcessClient<M> {
    this.retireGrown();
    return (this.current = this.running ?? new ProcessClient(this.settings()));
  }

  /** Keeps the process from ending until this is disposed of. */
  hold(): Disposable {
    this.holders++;
    clearTimeout(this.idle);
    return {
      [Symbol.dispose]: () => {
        if (--this.holders > 0) return;
        this.retireGrown();
        this.idle = setTimeout(() => void this.end(), this.options.idleMilliseconds).unref();
      },
    };
  }

  /** Ends it; what it is being asked fails. The next call starts another. */
  async end(): Promise<void> {
    clearTimeout(this.idle);
    const all = [...this.retired, ...(this.current ? [this.current] : [])];
    this.current = undefined;
    for (const process of all) process.kill();
    await Promise.all(all.map(({ ended }) => ended));
  }

  private retireGrown(): void {
    const { current } = this;
    if (!current || current.lastResidentBytes <= (this.options.keptBytes ?? Infinity)) return;
    this.current = undefined;
    this.retired.add(current);
    void current.ended.then(() => this.retired.delete(current));
    current.retire();
  }
}
