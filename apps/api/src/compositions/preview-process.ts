/** The process that measures compositions, as the API sees it: started when it is needed, ended when it is not. */
import type { CompositionForm } from '#adapters/composition-recipe.js';
import type { CompositionReportObject } from '#contracts/composition-report.js';
import type { MemberFolder } from '#contracts/member-folder.js';
import { previewMethods } from '#contracts/preview-calls.js';
import { LowrankError } from '#base/errors.js';
import { howEnded, type ProcessExit } from '#platform/process-client.js';
import { ProcessOnDemand } from '#platform/process-on-demand.js';
import { processMain } from '#platform/program.js';

const usualIdleMilliseconds = 5 * 60_000;

export class PreviewProcess {
  private readonly process: ProcessOnDemand<typeof previewMethods>;

  constructor(idleMilliseconds = usualIdleMilliseconds) {
    const settings = { methods: previewMethods, name: 'previews', main: processMain('previews'), died };
    this.process = new ProcessOnDemand(() => settings, { idleMilliseconds });
  }

  /** Its number, while there is one. */
  get pid(): number | undefined {
    return this.process.running?.pid;
  }

  /**
   * Reads members and keeps their sum under a key. The folders may go once this is settled, also after the signal.
   *
   * Throws what `Composition.open` throws, LowrankError `preview_died`, and the signal's reason.
   */
  async measure(key: string, members: readonly MemberFolder[], signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    using _ = this.process.hold();
    await this.process.client().call('measure', { key, members: [...members] }, { signal });
  }

  /**
   * What a form keeps of the sum under a key, with one weight for each member; null if that has to be measured first.
   *
   * Throws what `Composition.report` throws, and LowrankError `preview_died`.
   */
  async report(
    key: string,
    form: CompositionForm,
    weights: readonly number[],
  ): Promise<CompositionReportObject | null> {
    // A process that has yet to be started knows nothing.
    if (!this.process.running) return null;
    using _ = this.process.hold();
    return await this.process.client().call('report', { key, form, weights: [...weights] });
  }

  /** Ends it; what is being asked fails. */
  async stop(): Promise<void> {
    await this.process.end();
  }
}

function died(exit: ProcessExit): LowrankError {
  const said = exit.output.trim();
  const message = `the process that measures compositions ended ${howEnded(exit)}${said ? `: ${said}` : ''}`;
  return new LowrankError('preview_died', message);
}
