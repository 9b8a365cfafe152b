/** What the children write, line by line: for people on a terminal, as JSON for programs. */

export interface LogPrinterOptions {
  /** Whether lines are written as the JSON that they are. */
  readonly json: boolean;
  readonly colour: boolean;
  /** Written to with whole lines. */
  readonly write: (line: string) => void;
}

const colours: Readonly<Record<string, number>> = {
  trace: 90,
  debug: 90,
  info: 32,
  warn: 33,
  error: 31,
  fatal: 31,
};
const levelNames: Readonly<Record<number, string>> = {
  10: 'trace',
  20: 'debug',
  30: 'info',
  40: 'warn',
  50: 'error',
  60: 'fatal',
};
/** Known from the line's beginning, or of no use to a person. */
const hidden = new Set(['level', 'time', 'pid', 'hostname', 'name', 'msg', 'message', 'context', 'v']);
const longestValue = 200;
const remembered = 20;

/** Cuts text that comes in pieces into lines. */
export class LineSplitter {
  private rest = '';

  constructor(private readonly onLine: (line: string) => void) {}

  add(text: string): void {
    const lines = (this.rest + text).split(/\r?\n/);
    this.rest = lines.pop() ?? '';
    for (const line of lines) if (line.trim() !== '') this.onLine(line);
  }
}

/** Writes the lines of several processes, and keeps the last of each for an error message. */
export class LogPrinter {
  private readonly recent = new Map<string, string[]>();
  private readonly reasons = new Map<string, string>();

  constructor(private readonly options: LogPrinterOptions) {}

  /** A receiver for the output of the process `name`. */
  receiver(name: string): (text: string) => void {
    const splitter = new LineSplitter((line) => this.line(name, line));
    return (text) => splitter.add(text);
  }

  /** A line of the launcher's own. */
  say(level: 'info' | 'warn' | 'error', message: string): void {
    this.print('launcher', { level, time: new Date().toISOString(), msg: message });
  }

  /** Why a process ended, in its own words, or what it wrote last. */
  lastWords(name: string): string {
    return this.reasons.get(name) ?? (this.recent.get(name) ?? []).join('\n');
  }

  private line(name: string, line: string): void {
    const record = recordOf(line) ?? { level: 'info', time: new Date().toISOString(), msg: line };
    const kept = this.recent.get(name) ?? [];
    kept.push(readable(name, record, false));
    this.recent.set(name, kept.slice(-remembered));
    if (record['level'] === 'fatal') this.reasons.set(name, textOf(record['msg']));
    this.print(name, record);
  }

  private print(name: string, record: Record<string, unknown>): void {
    const { json, colour, write } = this.options;
    write(json ? JSON.stringify({ name, ...record }) : readable(name, record, colour));
  }
}

function recordOf(line: string): Record<string, unknown> | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    return JSON.parse(line) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}

function readable(name: string, record: Record<string, unknown>, colour: boolean): string {
  const given = record['level'];
  const level = levelNames[Number(given)] ?? (typeof given === 'string' ? given : 'info');
  const code = colours[level] ?? 32;
  const time = new Date(record['time'] as string | number);
  const clock = (Number.isNaN(time.getTime()) ? new Date() : time).toTimeString().slice(0, 8);
  const paint = (text: string, by: number) => (colour ? `\u001b[${by}m${text}\u001b[39m` : text);
  const message = textOf(record['msg'] ?? record['message']);
  const values = Object.entries(record).filter(([key]) => !hidden.has(key));
  const facts = values.map(([key, value]) => paint(`${key}=${shown(key, value)}`, 90)).join(' ');
  return `${paint(clock, 90)} ${name.padEnd(8)} ${paint(level.padEnd(5), code)} ${message}${facts && ` ${facts}`}`;
}

function shown(key: string, value: unknown): string {
  const fields = typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  if (fields && (key === 'err' || key === 'error'))
    return textOf(fields['stack'] ?? fields['message'] ?? value);
  if (fields && key === 'req') {
    return ['method', 'url', 'id'].flatMap((part) => textOf(fields[part]) || []).join(' ');
  }
  if (fields && key === 'res') return textOf(fields['statusCode']);
  const text = textOf(value);
  return text.length > longestValue ? `${text.slice(0, longestValue)}...` : text;
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
}
