import { Inject, Injectable, type OnModuleDestroy } from '@nestjs/common';
import type { CompositionForm } from '#adapters/composition-recipe.js';
import type { CompositionReportObject } from '#contracts/composition-report.js';
import { LowrankError } from '#base/errors.js';
import { ApiError } from '../errors/api-error.js';
import { type FoundMember, Members } from './members.service.js';
import { PreviewProcess } from './preview-process.js';
import { SharedWork } from '../http/shared-work.js';

/** Who moves a slider goes away and comes back at once, for the same members. */
const graceMilliseconds = 2000;

/** What compositions would keep, measured in another process: this one serves everybody. */
@Injectable()
export class Previews implements OnModuleDestroy {
  private readonly process = new PreviewProcess();
  private readonly measuring = new Map<string, SharedWork<void>>();
  /** One is measured at a time. */
  private last: Promise<unknown> = Promise.resolve();

  constructor(@Inject(Members) private readonly members: Members) {}

  async onModuleDestroy(): Promise<void> {
    await this.process.stop();
  }

  /** Throws what `Composition` throws, ApiError 503 `preview_died`, and the signal's reason. */
  async report(
    members: readonly FoundMember[],
    form: CompositionForm,
    signal: AbortSignal,
  ): Promise<CompositionReportObject> {
    const key = members.map(({ id }) => id).join(' ');
    const weights = members.map(({ weight }) => weight);
    try {
      for (;;) {
        signal.throwIfAborted();
        const report = await this.process.report(key, form, weights);
        if (report) return report;
        await this.measure(key, members).wait(signal);
      }
    } catch (error) {
      if (!(error instanceof LowrankError) || error.code !== 'preview_died') throw error;
      const message = `${error.message}; try again, and with fewer members if it does so again`;
      throw new ApiError(error.code, message, { cause: error });
    }
  }

  private measure(key: string, members: readonly FoundMember[]): SharedWork<void> {
    const running = this.measuring.get(key);
    if (running && !running.isStopped) return running;
    const started = new SharedWork(async (signal) => {
      const before = this.last;
      const measured = (async () => {
        await before;
        signal.throwIfAborted();
        await this.members.withFolders(members, signal, (folders) =>
          this.process.measure(key, folders, signal),
        );
      })();
      this.last = measured.catch(() => undefined);
      try {
        await measured;
      } finally {
        if (this.measuring.get(key) === started) this.measuring.delete(key);
      }
    }, graceMilliseconds);
    this.measuring.set(key, started);
    return started;
  }
}
