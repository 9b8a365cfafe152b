/** A child process that is started when it is needed and ended when it has not been needed for a while. */
import type { Methods } from '#contracts/process-calls.js';
import { ProcessClient, type ProcessSettings } from '#platform/process-client.js';

export class ProcessOnDemand<M extends Methods> {
  private current: ProcessClient<M> | undefined;
  private holders = 0;
  private idle: NodeJS.Timeout | undefined;

  constructor(
    private readonly settings: () => ProcessSettings<M>,
    private readonly idleMilliseconds: number,
  ) {}

  /** The process, while there is one that lives. */
  get running(): ProcessClient<M> | undefined {
    return this.current?.isAlive ? this.current : undefined;
  }

  /** The process, started if there is none. To be called by holders. */
  client(): ProcessClient<M> {
    return (this.current = this.running ?? new ProcessClient(this.settings()));
  }

  /** Keeps the process from ending until this is disposed of. */
  hold(): Disposable {
    this.holders++;
    clearTimeout(this.idle);
    return {
      [Symbol.dispose]: () => {
        if (--this.holders > 0) return;
        this.idle = setTimeout(() => void this.end(), this.idleMilliseconds).unref();
      },
    };
  }

  /** Ends it; what it is being asked fails. The next call starts another. */
  async end(): Promise<void> {
    clearTimeout(this.idle);
    const { current } = this;
    this.current = undefined;
    current?.kill();
    await current?.ended;
  }
}
