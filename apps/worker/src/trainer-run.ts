/** One run of a trainer process from its first message to its end: who stops it, and what its end means. */
import type { TrainerMessage } from '#contracts/trainer-messages.js';
import type { AttemptError } from '#jobs/endings.js';
import type { TrainingSummary } from '#training/events.js';
import { SilenceWatch } from './silence-watch.js';
import type { TrainerExit, TrainerProcess } from './trainer-process.js';

export type TrainerEnd =
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
export function silenceLimits(training: Readonly<Record<string, unknown>>): SilenceLimits {
  const { sample_prompts: prompts, sample_max_tokens: tokens } = training;
  const answers = Array.isArray(prompts) ? prompts.length : 0;
  const samples = answers * (typeof tokens === 'number' ? tokens : 64) * secondsPerToken;
  return { start: defaultLimits.start + samples, step: defaultLimits.step + samples };
}

/** Seconds between its last message and its end. */
const exitSeconds = 10;
/** How many times as long as the longest step so far something may take. */
const patience = 20;
/** Signals that come from outside: of a person, or of a machine without memory. */
const outerSignals = new Set<NodeJS.Signals>(['SIGKILL', 'SIGTERM', 'SIGINT', 'SIGHUP']);

export class TrainerRun {
  private last: TrainerMessage | undefined;
  private isHung = false;
  private isStopping = false;
  private killTimer: NodeJS.Timeout | undefined;
  private longestStep = 0;
  private stepStart = performance.now();
  private readonly watch: SilenceWatch;

  constructor(
    private readonly trainer: TrainerProcess,
    private readonly onMessage: (message: TrainerMessage) => void,
    private readonly limits: SilenceLimits,
  ) {
    trainer.onMessage = (message) => this.hear(message);
    this.watch = new SilenceWatch(
      () => this.silenceLimit(),
      () => {
        this.isHung = !this.isStopping;
        trainer.kill();
      },
    );
  }

  /** Begins the job and resolves when the process has ended. */
  async run(jobFile: string): Promise<TrainerEnd> {
    this.trainer.send({ type: 'run', job_file: jobFile, resume: true });
    const exit = await this.trainer.ended;
    this.watch.stop();
    clearTimeout(this.killTimer);
    return this.endOf(exit);
  }

  /** Asks the trainer to stop, and kills it if it has not done so after some seconds. A later call may shorten them. */
  stop({ checkpoint, seconds }: { checkpoint: boolean; seconds: number }): void {
    this.isStopping = true;
    this.trainer.send({ type: 'cancel', checkpoint });
    clearTimeout(this.killTimer);
    this.killTimer = setTimeout(() => this.trainer.kill(), 1000 * seconds);
  }

  kill(): void {
    this.isStopping = true;
    this.trainer.kill();
  }

  private hear(message: TrainerMessage): void {
    const now = performance.now();
    if (message.type === 'step') {
      this.longestStep = Math.max(this.longestStep, (now - this.stepStart) / 1000);
    }
    if (message.type === 'step' || message.type === 'started') this.stepStart = now;
    this.watch.heard();
    if (message.type === 'finished' || message.type === 'failed' || message.type === 'cancelled') {
      this.last = message;
      // Everything is written by now.
      this.watch.stop();
      clearTimeout(this.killTimer);
      this.killTimer = setTimeout(() => this.trainer.kill(), 1000 * exitSeconds);
    }
    this.onMessage(message);
  }

  private silenceLimit(): number {
    const { start, step } = this.limits;
    return this.longestStep === 0 ? start : Math.max(step, patience * this.longestStep);
  }

  private endOf({ code, signal, output }: TrainerExit): TrainerEnd {
    const { last } = this;
    if (last?.type === 'finished') return { kind: 'finished', summary: last.summary };
    if (last?.type === 'cancelled') return { kind: 'cancelled' };
    if (last?.type === 'failed') {
      const { code, message } = last.error;
      return { kind: 'failed', error: { code, message } };
    }
    if (this.isHung) {
      const message = 'The trainer said nothing for too long and was ended';
      return { kind: 'failed', error: { code: 'trainer_hung', message } };
    }
    if (this.isStopping || (signal !== null && outerSignals.has(signal))) {
      const message = `The trainer was ended by ${signal ?? `exit code ${code}`}`;
      return { kind: 'killed', error: { code: 'trainer_killed', message } };
    }
    const tail = output.trim().split('\n').slice(-5).join('\n');
    const how = signal === null ? `with exit code ${code}` : `by ${signal}`;
    return {
      kind: 'failed',
      error: { code: 'trainer_crashed', message: `The trainer ended ${how}${tail ? `: ${tail}` : ''}` },
    };
  }
}
