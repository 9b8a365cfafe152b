/** The embedded Postgres, started again when it dies. */
import type { EmbeddedPostgres } from '#platform/database/embedded-postgres.js';
import type { LogPrinter } from './log-lines.js';
import { waitFor } from '#base/wait.js';

const firstPauseSeconds = 0.1;
const longestPauseSeconds = 10;

export class PostgresKeeper {
  private readonly stopping = new AbortController();
  private readonly loop: Promise<void>;

  private constructor(
    private current: EmbeddedPostgres,
    private readonly startOne: () => Promise<EmbeddedPostgres>,
    private readonly log: LogPrinter,
  ) {
    this.loop = this.keep();
  }

  /** Throws what the first start throws. */
  static async start(startOne: () => Promise<EmbeddedPostgres>, log: LogPrinter): Promise<PostgresKeeper> {
    return new PostgresKeeper(await startOne(), startOne, log);
  }

  get pid(): number {
    return this.current.pid;
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.loop;
    await this.current.stop();
  }

  private async keep(): Promise<void> {
    const { signal } = this.stopping;
    const asked = new Promise<undefined>((resolve) => {
      signal.addEventListener('abort', () => resolve(undefined), { once: true });
    });
    for (;;) {
      const how = await Promise.race([this.current.exited, asked]);
      if (signal.aborted) return;
      this.log.say('error', `the database ended (${how}) and is started again`);
      await this.startAgain();
      if (signal.aborted) return;
      this.log.say('info', `the database runs again as process ${this.pid}`);
    }
  }

  private async startAgain(): Promise<void> {
    const { signal } = this.stopping;
    for (let pause = firstPauseSeconds; !signal.aborted; pause = Math.min(2 * pause, longestPauseSeconds)) {
      try {
        this.current = await this.startOne();
        return;
      } catch (error) {
        this.log.say('error', `the database does not start: ${(error as Error).message}`);
      }
      await waitFor(1000 * pause, signal).catch(() => undefined);
    }
  }
}
