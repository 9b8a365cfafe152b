/** Keeps one trainer started ahead, so that a job need not wait until its modules are loaded. */
import type { Log } from '#jobs/parts.js';
import { startTrainer, type TrainerProcess } from './trainer-process.js';

/** An idle trainer takes memory and no time; one that died is not replaced before the next job. */
export class TrainerPool {
  private idle: TrainerProcess | undefined;
  private isClosed = false;

  constructor(
    private readonly main: string,
    private readonly log: Log,
  ) {}

  /** Makes sure that a trainer stands ready. */
  warm(): void {
    if (this.isClosed || this.idle?.isAlive) return;
    this.idle = startTrainer(this.main, this.log);
  }

  /** A trainer that waits for its job. One with an environment of its own is started now. */
  take(environment: Readonly<Record<string, string>> = {}): TrainerProcess {
    if (Object.keys(environment).length > 0) return startTrainer(this.main, this.log, environment);
    const { idle } = this;
    this.idle = undefined;
    return idle?.isAlive ? idle : startTrainer(this.main, this.log);
  }

  async close(): Promise<void> {
    this.isClosed = true;
    const { idle } = this;
    this.idle = undefined;
    idle?.kill();
    await idle?.ended;
  }
}
