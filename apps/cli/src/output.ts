/** What the command writes: tables and lines for people, JSON for programs. */
import type { Writable } from 'node:stream';

export type TextStream = Writable & { readonly isTTY?: boolean; readonly columns?: number };

export interface OutputOptions {
  readonly stdout: TextStream;
  readonly stderr: TextStream;
  readonly json: boolean;
  readonly colour: boolean;
}

export type Colour = 'red' | 'green' | 'yellow' | 'grey' | 'bold';

const codes: Readonly<Record<Colour, readonly [number, number]>> = {
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  grey: [90, 39],
  bold: [1, 22],
};

export class Output {
  readonly json: boolean;

  constructor(private readonly options: OutputOptions) {
    this.json = options.json;
  }

  /** Whether a person sees what is written as it comes. */
  get isTerminal(): boolean {
    return this.options.stdout.isTTY === true && !this.json;
  }

  /** Columns of the terminal. */
  get width(): number {
    // Some terminals say 0 when they do not know.
    return this.options.stdout.columns || 80;
  }

  /** A result: JSON on one line with --json, otherwise the text. */
  result(value: unknown, text: () => string): void {
    this.write(this.json ? JSON.stringify(value) : text());
  }

  /** A line of JSON with --json, otherwise nothing. */
  record(value: unknown): void {
    if (this.json) this.write(JSON.stringify(value));
  }

  /** For people only. */
  say(text: string): void {
    if (!this.json) this.write(text);
  }

  /** For people, beside the result. */
  note(text: string): void {
    if (!this.json) this.options.stderr.write(`${text}\n`);
  }

  error(value: unknown, text: string): void {
    this.options.stderr.write(`${this.json ? JSON.stringify(value) : text}\n`);
  }

  /** Text without a line's end, as it stands. */
  raw(text: string | Uint8Array): void {
    this.options.stdout.write(text);
  }

  paint(text: string, colour: Colour): string {
    const [on, off] = codes[colour];
    return this.options.colour ? `\u001b[${on}m${text}\u001b[${off}m` : text;
  }

  private write(text: string): void {
    this.options.stdout.write(`${text}\n`);
  }
}

/** Rows under their headings, in columns as wide as they must be. */
export function table(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [headings, ...rows];
  const widths = headings.map((_, column) => Math.max(...all.map((row) => (row[column] ?? '').length)));
  const lines = all.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  '));
  return lines.map((line) => line.trimEnd()).join('\n');
}

/** Names and values, one a line. */
export function facts(entries: readonly (readonly [string, string | null | undefined])[]): string {
  const known = entries.filter(([, value]) => value !== null && value !== undefined && value !== '');
  const width = Math.max(0, ...known.map(([name]) => name.length));
  return known.map(([name, value]) => `${name.padEnd(width)}  ${value}`).join('\n');
}
