/** How long GET /health takes while a server has other things to do. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

export interface HealthFigures {
  readonly reads: number;
  readonly failures: readonly string[];
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

interface Report {
  readonly times: number[];
  readonly failures: string[];
}

/** Reads it every 20 ms from another process, until it is asked what it found. */
export class HealthWatch {
  private constructor(private readonly reader: ChildProcess) {}

  /** Resolves when it reads. */
  static async start(url: string): Promise<HealthWatch> {
    const reader = fork(join(import.meta.dirname, 'health-reader.mjs'), [url, '20'], { execArgv: [] });
    await once(reader, 'message');
    return new HealthWatch(reader);
  }

  async stop(): Promise<HealthFigures> {
    this.reader.send('stop');
    const [{ times, failures }] = (await once(this.reader, 'message')) as [Report];
    const sorted = times.toSorted((a, b) => a - b);
    const at = (share: number) =>
      Math.round(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!);
    return { reads: sorted.length, failures, p50: at(0.5), p99: at(0.99), max: at(1) };
  }
}
