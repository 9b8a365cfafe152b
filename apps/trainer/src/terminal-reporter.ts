/** Messages for a person: a progress bar on a terminal, plain lines on a pipe. */
import type { WriteStream } from 'node:tty';
import type { TrainerMessage } from '#contracts/trainer-calls.js';
import { linesOf, type Marks, TimeLeft } from './progress-text.js';

const barWidth = 24;
const clearLine = '\r\u001b[2K';
const plainMarks: Marks = { open: '\u27e6', close: '\u27e7' };
const colourMarks: Marks = { open: '\u001b[32m', close: '\u001b[39m' };
const stageNames = {
  reference: 'asking the reference',
  quantise: 'rounding the base model',
  hash: 'reading the base model',
  data: 'preparing data',
  adapter: 'starting the adapter',
  compile: 'compiling',
  load: 'loading',
  evaluate: 'evaluating',
};

export class TerminalReporter {
  private readonly left = new TimeLeft();
  private readonly json: boolean;
  private bar = '';
  private total = 0;
  private lastStepAt = 0;
  private end: TrainerMessage | undefined;

  constructor(
    private readonly stream: WriteStream,
    { json }: { json: boolean },
  ) {
    this.json = json;
  }

  report(message: TrainerMessage): void {
    this.follow(message);
    const onTerminal = this.stream.isTTY;
    const marks = onTerminal ? colourMarks : plainMarks;
    // On a terminal the bar says what a step's line would.
    const lines = onTerminal && message.type === 'step' ? [] : linesOf(message, marks, this.total);
    const text = lines.map((line) => `${line}\n`).join('');
    if (!onTerminal) {
      if (text) this.stream.write(text);
      return;
    }
    this.bar = this.end ? '' : this.barOf(message);
    const shown = this.bar.slice(0, Math.max(10, this.stream.columns - 1));
    this.stream.write(`${clearLine}${text}${shown}`);
  }

  /** Resolves when everything is written. */
  async close(): Promise<void> {
    if (this.json && this.end) {
      const { type: status, ...rest } = this.end;
      this.stream.write(`${JSON.stringify({ status, ...rest })}\n`);
    }
    await new Promise<void>((resolve) => this.stream.write('', () => resolve()));
  }

  private follow(message: TrainerMessage): void {
    const now = performance.now() / 1000;
    if (message.type === 'started') {
      this.total = message.total_steps;
      this.lastStepAt = now;
    }
    if (message.type === 'step') {
      this.left.step(now, this.lastStepAt);
      this.lastStepAt = now;
    }
    // Time between steps that is no step's.
    if (message.type === 'evaluation' || message.type === 'samples' || message.type === 'checkpoint') {
      this.lastStepAt = now;
    }
    if (message.type === 'finished' || message.type === 'failed' || message.type === 'cancelled') {
      this.end = message;
    }
  }

  private barOf(message: TrainerMessage): string {
    if (message.type === 'progress') {
      const share = message.total > 0 ? message.done / message.total : 0;
      return `${stageNames[message.stage]} ${Math.round(100 * share)}%`;
    }
    if (message.type !== 'step') return this.bar;
    const { step, loss, tokens_per_second: speed } = message;
    const full = Math.round((barWidth * step) / this.total);
    const bar = '#'.repeat(full).padEnd(barWidth, '.');
    const left = this.left.of(this.total - step);
    return `[${bar}] ${step}/${this.total} loss ${loss.toFixed(3)} ${Math.round(speed)} tokens/s ${left}`;
  }
}
