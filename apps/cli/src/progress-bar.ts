/** How far a job has come, on one line that changes. */
import type { JobObject } from '#contracts/http/jobs.js';
import { duration } from './format.js';
import type { Output } from './output.js';

const barWidth = 24;
const clearLine = '\r\u001b[2K';

export type Progress = JobObject['progress'];

/** A bar with what is known: step, loss, tokens a second, time left. */
export function barText(progress: Progress, loss: number | undefined): string {
  const { step, total_steps: total, tokens_per_second: speed, seconds_left: left } = progress;
  const full = total === null || total === 0 ? 0 : Math.min(barWidth, Math.round((barWidth * step) / total));
  return [
    `[${'#'.repeat(full).padEnd(barWidth, '.')}]`,
    `${step}/${total ?? '?'}`,
    loss === undefined ? '' : `loss ${loss.toFixed(3)}`,
    speed === null ? '' : `${Math.round(speed)} tokens/s`,
    left === null ? '' : `${duration(left)} left`,
  ]
    .filter((part) => part !== '')
    .join(' ');
}

/** A line at the bottom of a terminal, under lines that stay. */
export class StatusLine {
  private text = '';

  constructor(
    private readonly write: (text: string) => void,
    private readonly width: () => number,
  ) {}

  /** A line where the output is a terminal. */
  static on(output: Output): StatusLine | undefined {
    if (!output.isTerminal) return undefined;
    return new StatusLine(
      (text) => output.raw(text),
      () => output.width,
    );
  }

  show(text: string): void {
    // A line that is wrapped could not be cleared.
    this.text = text.slice(0, Math.max(10, this.width() - 1));
    this.write(clearLine + this.text);
  }

  /** Writes whole lines above. */
  above(lines: readonly string[]): void {
    this.write(`${clearLine}${lines.map((line) => `${line}\n`).join('')}${this.text}`);
  }

  clear(): void {
    if (this.text !== '') this.write(clearLine);
    this.text = '';
  }
}
