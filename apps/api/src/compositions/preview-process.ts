/** The process that measures compositions, as the API sees it: started when it is needed, ended when it is not. */
import path from 'node:path';
import type { CompositionForm } from '#adapters/composition-recipe.js';
import type { CompositionReportObject } from '#contracts/composition-report.js';
import { type PreviewAnswer, previewAnswer, type PreviewRequest } from '#contracts/preview-messages.js';
import { errorOf, LowrankError } from '#base/errors.js';
import { type ComputingProcess, forkComputing } from '#platform/computing-process.js';
import { programFolder } from '../program.js';

/** Where it is compiled to, seen from the sources and from what was built of them alike. */
const previewMain = path.join(programFolder, 'dist/apps/api/src/compositions/preview-main.js');
const usualIdleMilliseconds = 5 * 60_000;

export interface MeasuredFolder {
  /** What messages call it. */
  readonly name: string;
  readonly folder: string;
  /** Digest of its base model. */
  readonly base: string;
}

type Unnumbered = PreviewRequest extends infer R ? (R extends { id: number } ? Omit<R, 'id'> : never) : never;

interface Waiting {
  readonly resolve: (answer: PreviewAnswer) => void;
  readonly reject: (error: Error) => void;
}

export class PreviewProcess {
  private running: RunningProcess | undefined;
  private idle: NodeJS.Timeout | undefined;
  private asked = 0;

  constructor(private readonly idleMilliseconds = usualIdleMilliseconds) {}

  /** Its number, while there is one. */
  get pid(): number | undefined {
    return this.running?.child.pid;
  }

  /**
   * Reads members and keeps their sum under a key. The folders may go once this is settled, also after the signal.
   *
   * Throws what `Composition.open` throws, LowrankError `preview_died`, and the signal's reason.
   */
  async measure(key: string, members: readonly MeasuredFolder[], signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const id = ++this.asked;
    const stop = () =>
      this.running?.child.send({ type: 'stop', id } satisfies PreviewRequest, () => undefined);
    signal.addEventListener('abort', stop);
    try {
      await this.ask({ type: 'measure', key, members: [...members] }, id);
    } catch (error) {
      signal.throwIfAborted();
      throw error;
    } finally {
      signal.removeEventListener('abort', stop);
    }
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
    if (!this.running) return null;
    const answer = await this.ask({ type: 'report', key, form, weights: [...weights] }, ++this.asked);
    return answer.type === 'report' ? answer.report : null;
  }

  /** Ends it; what is being asked fails. */
  async stop(): Promise<void> {
    clearTimeout(this.idle);
    this.running?.child.kill('SIGKILL');
    await this.running?.ended;
  }

  private async ask(request: Unnumbered, id: number): Promise<PreviewAnswer> {
    clearTimeout(this.idle);
    const running = (this.running ??= this.start());
    const answer = await new Promise<PreviewAnswer>((resolve, reject) => {
      running.waiting.set(id, { resolve, reject });
      running.child.send({ ...request, id }, (error) => error && running.child.kill('SIGKILL'));
    }).finally(() => {
      running.waiting.delete(id);
      if (running === this.running && running.waiting.size === 0) this.rest();
    });
    if (answer.type !== 'failed') return answer;
    throw errorOf(answer.error);
  }

  private rest(): void {
    clearTimeout(this.idle);
    this.idle = setTimeout(() => void this.stop(), this.idleMilliseconds).unref();
  }

  private start(): RunningProcess {
    const running = new RunningProcess();
    const forget = () => {
      if (this.running === running) this.running = undefined;
    };
    running.child.once('exit', forget).once('error', forget);
    return running;
  }
}

class RunningProcess {
  readonly child: ComputingProcess['child'];
  readonly waiting = new Map<number, Waiting>();
  /** Resolves when it has ended and all that waited were told. */
  readonly ended: Promise<void>;
  private readonly output: ComputingProcess['output'];

  constructor() {
    ({ child: this.child, output: this.output } = forkComputing(previewMain, []));
    this.child.on('message', (value) => {
      const answer = previewAnswer.safeParse(value);
      if (answer.success) this.waiting.get(answer.data.id)?.resolve(answer.data);
      // Whoever waits for it must not wait for ever.
      else this.child.kill('SIGKILL');
    });
    this.ended = new Promise<string>((resolve) => {
      this.child.once('close', (code, by) => resolve(by ?? `exit code ${code}`));
      this.child.on('error', ({ message }) => resolve(message));
    }).then((how) => this.tellAll(how));
  }

  private tellAll(how: string): void {
    const said = this.output().trim();
    const message = `the process that measures compositions ended by ${how}${said ? `: ${said}` : ''}`;
    for (const { reject } of this.waiting.values()) reject(new LowrankError('preview_died', message));
  }
}
