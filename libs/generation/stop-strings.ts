/** Finds stop strings in a text that comes in pieces, and lets nothing through that might be the start of one. */
import { LowrankError } from '#base/errors.js';

/** What of the text may be shown, and whether a stop string has ended it. */
export interface Released {
  readonly text: string;
  readonly isStopped: boolean;
}

export class StopStrings {
  private held = '';

  /** Throws `stop_invalid` for an empty stop string, which would stop everything. */
  constructor(private readonly stops: readonly string[]) {
    if (stops.includes('')) throw new LowrankError('stop_invalid', 'a stop string must not be empty');
  }

  /**
   * Takes the next piece of text. The text ends before the stop string that is complete first; where the pieces are
   * cut makes no difference.
   */
  push(piece: string): Released {
    const text = this.held + piece;
    const found = this.stops
      .map((stop) => ({ start: text.indexOf(stop), length: stop.length }))
      .filter(({ start }) => start >= 0)
      .sort((a, b) => a.start + a.length - (b.start + b.length) || a.start - b.start)[0];
    if (found) {
      this.held = '';
      return { text: text.slice(0, found.start), isStopped: true };
    }
    const kept = Math.max(0, ...this.stops.map((stop) => overlap(text, stop)));
    this.held = text.slice(text.length - kept);
    return { text: text.slice(0, text.length - kept), isStopped: false };
  }

  /** What was held back, when no more text will come. */
  flush(): string {
    const text = this.held;
    this.held = '';
    return text;
  }
}

/** Length of the longest end of a text that is a proper beginning of a stop string. */
function overlap(text: string, stop: string): number {
  let length = Math.min(text.length, stop.length - 1);
  while (length > 0 && !text.endsWith(stop.slice(0, length))) length--;
  return length;
}
