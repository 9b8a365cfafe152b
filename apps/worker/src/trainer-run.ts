/** One run of a trainer process from its job to its end: who stops it, and what its end means. */
import { factsOf } from '#base/errors.js';
import type { TrainerUpdate } from '#contracts/trainer-calls.js';
import type { AttemptError } from '#jobs/endings.js';
import type { TrainingOptions } from '#training/options.js';
import type { TrainingSummary } from '#training/events.js';
import { TrainerDied, type TrainerProcess } from './trainer-process.js';

export type RunEnd =
  | { readonly kind: 'finished'; readonly summary: TrainingSummary }
  | { readonly kind: 'failed'; readonly error: AttemptError }
  | { readonly kind: 'cancelled' }
  /** It ended by a signal that it did not cause itself; also when it was stopped and had to be killed. */
  | { readonly kind: 'killed'; readonly error: AttemptError };

export interface SilenceLimits {
  /** Seconds without a message before the first step. */
  readonly start: number;
  /** Least seconds without a message after that; a step that takes long makes it more. */
  readonly step: number;
}

const defaultLimits: SilenceLimits = { start: 1800, step: 300 };
/** For every token of sample answers, during which nothing is said. */
const secondsPerToken = 1;

/** The limits for a job with these training options. */
export function silenceLimits({
  sample_prompts: prompts,
  sample_max_tokens: tokens,
}: TrainingOptions): SilenceLimits {
  const samples = prompts.length * tokens * secondsPerToken;
  return { start: defaultLimits.start + samples, step: defaultLimits.step + samples };
}

/** Seconds between its last message and its end. */
const exitSeconds = 10;
/** How many times as long as the longest step so far something may take. */
const patience = 20;

export class TrainerRun {
  private isStopping = false;
  private killTimer: NodeJS.Timeout | undefined;
  private longestStep = 0;
  private stepStart = performance.now();

  constructor(
    private readonly trainer: TrainerProcess,
    private readonly onUpdate: (update: TrainerUpdate) => void,
    private readonly limits: SilenceLimits,
  ) {}

  /** Begins the job and resolves when the process has ended; `onEnd` is told when that only has to exit. */
  async run(jobFile: string, onEnd?: (end: RunEnd) => void): Promise<RunEnd> {
    const end = await this.train(jobFile);
    onEnd?.(end);
    // One that cannot be understood goes on for nothing; any other has written everything by now.
    const isLost = end.kind === 'failed' && end.error.code === 'message_unreadable';
    this.killAfter(isLost ? 0 : exitSeconds);
    await this.trainer.ended;
    clearTimeout(this.killTimer);
    return end;
  }

  /** Asks the trainer to stop, and kills it if it has not done so after some seconds. A later call may shorten them. */
  stop({ checkpoint, seconds }: { checkpoint: boolean; seconds: number }): void {
    this.isStopping = true;
    // A trainer that is gone already is seen by its end.
    this.trainer.call('stop', { checkpoint }).catch(() => undefined);
    this.killAfter(seconds);
  }

  kill(): void {
    this.isStopping = true;
    this.trainer.kill();
  }

  private killAfter(seconds: number): void {
    clearTimeout(this.killTimer);
    this.killTimer = setTimeout(() => this.trainer.kill(), 1000 * seconds);
  }

  private async train(jobFile: string): Promise<RunEnd> {
    try {
      const end = await this.trainer.call(
        'train',
        { job_file: jobFile, resume: true },
        { onUpdate: (update) => this.receive(update), silenceSeconds: () => this.silenceLimit() },
      );
      return end.type === 'finished' ? { kind: 'finished', summary: end.summary } : { kind: 'cancelled' };
    } catch (error) {
      return this.endOf(error);
    }
  }

  private receive(update: TrainerUpdate): void {
    const now = performance.now();
    if (update.type === 'step') {
      this.longestStep = Math.max(this.longestStep, (now - this.stepStart) / 1000);
    }
    if (update.type === 'step' || update.type === 'started') this.stepStart = now;
    this.onUpdate(update);
  }

  private silenceLimit(): number {
    const { start, step } = this.limits;
    return this.longestStep === 0 ? start : Math.max(step, patience * this.longestStep);
  }

  private endOf(error: unknown): RunEnd {
    const { code, message } = factsOf(error);
    const isOver = code === 'call_silent' || error instanceof TrainerDied;
    if (isOver && this.isStopping) return { kind: 'killed', error: { code: 'trainer_killed', message } };
    if (code === 'trainer_killed') return { kind: 'killed', error: { code, message } };
    if (code === 'call_silent') {
      const text = 'The trainer said nothing for too long and was ended';
      return { kind: 'failed', error: { code: 'trainer_hung', message: text } };
    }
    return { kind: 'failed', error: { code, message } };
  }
}
