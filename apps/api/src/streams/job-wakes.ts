import { Inject, Injectable, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import type { Platform } from '#platform/platform.js';
import { PLATFORM } from '../tokens.js';

/** Someone who waits for news of a job. */
export class Watch implements Disposable {
  private isNews = true;
  private resume: (() => void) | undefined;

  constructor(private readonly stop: (watch: Watch) => void) {}

  /** Resolves when there was news since the last call, after some milliseconds, or when `signal` aborts. */
  async next(milliseconds: number, signal: AbortSignal): Promise<void> {
    if (!this.isNews && !signal.aborted) {
      await new Promise<void>((resolve) => {
        const done = () => {
          clearTimeout(timer);
          signal.removeEventListener('abort', done);
          this.resume = undefined;
          resolve();
        };
        const timer = setTimeout(done, milliseconds);
        signal.addEventListener('abort', done, { once: true });
        this.resume = done;
      });
    }
    this.isNews = false;
  }

  wake(): void {
    this.isNews = true;
    this.resume?.();
  }

  [Symbol.dispose](): void {
    this.stop(this);
  }
}

/** Wakes those who follow a job when something is written about it: one listening connection for the whole process. */
@Injectable()
export class JobWakes implements OnModuleInit, OnModuleDestroy {
  private readonly watches = new Map<string, Set<Watch>>();
  private unlisten: (() => void) | undefined;

  constructor(@Inject(PLATFORM) private readonly platform: Platform) {}

  onModuleInit(): void {
    this.unlisten = this.platform.notifications.listen('lowrank_job', (jobId) => this.wake(jobId));
  }

  onModuleDestroy(): void {
    this.unlisten?.();
  }

  /** The first `next` of the watch resolves at once. */
  watch(jobId: string): Watch {
    const watches = this.watches.get(jobId) ?? new Set();
    const watch = new Watch((ended) => {
      watches.delete(ended);
      if (watches.size === 0 && this.watches.get(jobId) === watches) this.watches.delete(jobId);
    });
    this.watches.set(jobId, watches.add(watch));
    return watch;
  }

  /** Null: something may have been missed, so that everyone should look. */
  private wake(jobId: string | null): void {
    const woken = jobId === null ? [...this.watches.values()] : [this.watches.get(jobId) ?? []];
    for (const watches of woken) for (const watch of watches) watch.wake();
  }
}
