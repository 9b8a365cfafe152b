/** Splits a template into text and tokens, with the white space rules that Hugging Face sets for chat templates. */
import { Float, readInteger } from '#data/exact-json.js';
import { spaces, strip } from '#data/jinja/text.js';

export type TokenType =
  | 'data'
  | 'block_begin'
  | 'block_end'
  | 'variable_begin'
  | 'variable_end'
  | 'name'
  | 'string'
  | 'number'
  | 'operator'
  | 'end';

export interface Token {
  readonly type: TokenType;
  /** The text of a name or operator, or what a string or number stands for. */
  readonly value: unknown;
  readonly line: number;
}

/** What is wrong with the syntax of a template, and in which line. */
export class TemplateSyntaxError extends Error {
  constructor(message: string, line: number) {
    super(`${message} (line ${line})`);
  }
}

const openers = { '{%': 'block_begin', '{{': 'variable_begin', '{#': 'comment' } as const;
const opening = /\{[%{#]/g;
const rawOpening = new RegExp(String.raw`\{%([-+]?)[${spaces}]*raw[${spaces}]*(?:-%\}[${spaces}]*|%\})`, 'y');
const rawClosing = new RegExp(
  String.raw`\{%([-+]?)[${spaces}]*endraw[${spaces}]*(?:\+%\}|-%\}[${spaces}]*|%\}\n?)`,
  'g',
);
const commentClosing = new RegExp(String.raw`\+#\}|-#\}[${spaces}]*|#\}\n?`, 'g');
const ends = {
  block_begin: new RegExp(String.raw`\+%\}|-%\}[${spaces}]*|%\}\n?`, 'y'),
  variable_begin: new RegExp(String.raw`-\}\}[${spaces}]*|\}\}`, 'y'),
} as const;
const blank = new RegExp(`[${spaces}]+`, 'y');
const lineOfSpace = new RegExp(`^[${spaces}]*$`);
const float = /(?<!\.)(?:\d+_)*\d+(?:(?:\.(?:\d+_)*\d+)?[eE][+-]?(?:\d+_)*\d+|\.(?:\d+_)*\d+)/y;
const integer = /0[bB](?:_?[01])+|0[oO](?:_?[0-7])+|0[xX](?:_?[\da-fA-F])+|[1-9](?:_?\d)*|0(?:_?0)*/y;
const name = /[\p{L}\p{N}_]+/uy;
const string = /'[^'\\]*(?:\\[\s\S][^'\\]*)*'|"[^"\\]*(?:\\[\s\S][^"\\]*)*"/y;
const operator = /\/\/|\*\*|==|!=|<=|>=|[-+/*%~[\](){}<>=.:|,;]/y;
const closers: Readonly<Record<string, string>> = { '(': ')', '[': ']', '{': '}' };

/** The tokens of a template, with one of type `end` after the last. Throws TemplateSyntaxError. */
export function tokenize(template: string): Token[] {
  return new Lexer(template.replace(/\r\n?/g, '\n').replace(/\n$/, '')).run();
}

class Lexer {
  private readonly tokens: Token[] = [];
  private at = 0;
  private line = 1;
  private counted = 0;

  constructor(private readonly source: string) {}

  run(): Token[] {
    while (this.at < this.source.length) this.readData();
    this.push('end', '');
    return this.tokens;
  }

  /** Text up to the next tag, and the tag. */
  private readData(): void {
    const start = this.at;
    opening.lastIndex = start;
    const found = opening.exec(this.source);
    if (!found) {
      this.pushData(this.source.slice(start));
      this.at = this.source.length;
      return;
    }
    const before = this.source.slice(start, found.index);
    const raw = this.match(rawOpening, found.index);
    if (raw) {
      this.pushData(this.trimEnd(before, start, raw[1]!, true));
      this.at = found.index + raw[0].length;
      this.readRaw();
      return;
    }
    const kind = openers[found[0] as keyof typeof openers];
    const sign = /[-+]/.exec(this.source[found.index + 2] ?? '')?.[0] ?? '';
    this.pushData(this.trimEnd(before, start, sign, kind !== 'variable_begin'));
    this.at = found.index + 2 + sign.length;
    if (kind === 'comment') {
      commentClosing.lastIndex = this.at;
      const end = commentClosing.exec(this.source);
      if (!end) throw this.error('Missing end of comment tag');
      this.at = end.index + end[0].length;
      return;
    }
    this.push(kind, '');
    this.readTag(kind);
  }

  private readRaw(): void {
    const start = this.at;
    rawClosing.lastIndex = start;
    const end = rawClosing.exec(this.source);
    if (!end) throw this.error('Missing end of raw directive');
    this.pushData(this.trimEnd(this.source.slice(start, end.index), start, end[1]!, true));
    this.at = end.index + end[0].length;
  }

  /** Text before a tag: `-` takes the white space, a tag alone on its line takes its indentation. */
  private trimEnd(text: string, start: number, sign: string, isIndented: boolean): string {
    if (sign === '-') return strip(text, null, false, true);
    if (sign === '+' || !isIndented) return text;
    const lineStart = text.lastIndexOf('\n') + 1;
    const beginsLine = lineStart > 0 || start === 0 || this.source[start - 1] === '\n';
    return beginsLine && lineOfSpace.test(text.slice(lineStart)) ? text.slice(0, lineStart) : text;
  }

  private readTag(kind: keyof typeof ends): void {
    const open: string[] = [];
    for (;;) {
      if (this.at >= this.source.length) return;
      const end = open.length === 0 ? this.match(ends[kind]) : undefined;
      if (end) {
        this.push(kind === 'block_begin' ? 'block_end' : 'variable_end', '');
        this.at += end[0].length;
        return;
      }
      this.readToken(open);
    }
  }

  private readToken(open: string[]): void {
    const skipped = this.match(blank);
    if (skipped) {
      this.at += skipped[0].length;
      return;
    }
    const number = this.match(float) ?? this.match(integer);
    const found = number ?? this.match(name) ?? this.match(string) ?? this.match(operator);
    if (!found) throw this.error(`unexpected char ${JSON.stringify(this.source[this.at])}`);
    const [text] = found;
    if (number) this.push('number', numberOf(text.replaceAll('_', '')));
    else if (text.startsWith("'") || text.startsWith('"'))
      this.push('string', this.unescape(text.slice(1, -1)));
    else if (/^[\p{L}\p{N}_]/u.test(text)) this.push('name', text);
    else this.pushOperator(text, open);
    this.at += text.length;
  }

  private pushOperator(text: string, open: string[]): void {
    if (closers[text]) open.push(closers[text]);
    else if (')]}'.includes(text)) {
      const expected = open.pop();
      if (expected !== text) {
        throw this.error(`unexpected '${text}'${expected === undefined ? '' : `, expected '${expected}'`}`);
      }
    }
    this.push('operator', text);
  }

  private unescape(text: string): string {
    try {
      return unescapeText(text);
    } catch (error) {
      throw this.error(error instanceof Error ? error.message : String(error));
    }
  }

  private pushData(text: string): void {
    if (text !== '') this.push('data', text);
  }

  private push(type: TokenType, value: unknown): void {
    this.tokens.push({ type, value, line: this.currentLine() });
  }

  private currentLine(): number {
    for (; this.counted < this.at; this.counted++) if (this.source[this.counted] === '\n') this.line++;
    return this.line;
  }

  private match(expression: RegExp, at = this.at): RegExpExecArray | null {
    expression.lastIndex = at;
    return expression.exec(this.source);
  }

  private error(message: string): TemplateSyntaxError {
    return new TemplateSyntaxError(message, this.currentLine());
  }
}

function numberOf(text: string): unknown {
  if (/^0[box]/i.test(text)) {
    const value = BigInt(text.toLowerCase());
    return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  }
  return /[.eE]/.test(text) ? new Float(Number(text)) : readInteger(text.replace(/^0+(?=0)/, ''));
}

const shortEscapes: Readonly<Record<string, string>> = {
  '\n': '',
  '\\': '\\',
  "'": "'",
  '"': '"',
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
};
const escapes = /\\(?:x([\da-fA-F]{2})|u([\da-fA-F]{4})|U([\da-fA-F]{8})|([0-7]{1,3})|([\s\S]))/g;

/** What the escapes of a Python string stand for; unknown ones stay as they are. */
function unescapeText(text: string): string {
  if (!text.includes('\\')) return text;
  return text.replace(
    escapes,
    (whole, x?: string, u?: string, long?: string, octal?: string, short?: string) => {
      const hex = x ?? u ?? long;
      if (hex !== undefined) return String.fromCodePoint(Number.parseInt(hex, 16));
      if (octal !== undefined) return String.fromCharCode(Number.parseInt(octal, 8));
      if (short === 'x' || short === 'u' || short === 'U' || short === 'N')
        throw new Error(`truncated \\${short} escape`);
      return shortEscapes[short!] ?? whole;
    },
  );
}
