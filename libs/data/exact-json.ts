/** JSON whose numbers and order of keys survive, as Python's `json` keeps them. */

/** A number that was written as a float although its value is whole: 48.0, 1e22, -0.0. */
export class Float {
  constructor(readonly value: number) {}

  toJSON(): number {
    return this.value;
  }
}

/** What JavaScript takes for the index of an array: such keys lose their place in an object. */
const indexKey = /^(?:0|[1-9]\d{0,9})$/;

const quote = 0x22;
const backslash = 0x5c;
const firstPrintable = 0x20;

/** How deep lists and objects may be nested. */
const maxDepth = 200;

/**
 * Parses JSON into what JSON.parse gives, except that a number is a `bigint` where it is too large to be exact, and a
 * `Float` where it was written as a float but is whole; and an object is a `Map` where its keys would lose their order
 * (keys such as "10").
 *
 * Throws SyntaxError, with the place in the text.
 */
export function parseExactJson(text: string): unknown {
  return needsCare(text) ? new ExactParser(text).parse() : JSON.parse(text);
}

/**
 * Whether JSON.parse may lose something of a text: it holds a number with a point, an exponent, a sign or more than 15
 * digits, or a key of digits. A number within a string counts too: then the slower parser finds nothing to keep.
 */
export function needsCare(text: string): boolean {
  return /[0-9](?:[.eE]|[0-9]{15})|-0|"[0-9]+"\s*:/.test(text);
}

/** A number in the notation of JSON. */
function readNumber(source: string): number | bigint | Float {
  if (!/[.eE]/.test(source)) return readInteger(source);
  const value = Number(source);
  return Number.isInteger(value) ? new Float(value) : value;
}

/** Decimal digits with or without a minus. */
export function readInteger(source: string): number | bigint {
  const value = Number(source);
  if (Number.isSafeInteger(value)) return value === 0 ? 0 : value;
  return BigInt(source);
}

class ExactParser {
  private at = 0;
  private readonly number = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
  private readonly space = /[ \t\n\r]*/y;

  constructor(private readonly text: string) {}

  parse(): unknown {
    this.skipSpace();
    const value = this.readValue(0);
    this.skipSpace();
    if (this.at < this.text.length) throw this.unexpected();
    return value;
  }

  private readValue(depth: number): unknown {
    if (depth > maxDepth) throw new SyntaxError(`lists and objects are nested more than ${maxDepth} deep`);
    switch (this.text.charAt(this.at)) {
      case '{':
        return this.readObject(depth);
      case '[':
        return this.readList(depth);
      case '"':
        return this.readString();
      case 't':
        return this.readWord('true', true);
      case 'f':
        return this.readWord('false', false);
      case 'n':
        return this.readWord('null', null);
      default: {
        const source = this.match(this.number);
        if (source === undefined || source === '') throw this.unexpected();
        return readNumber(source);
      }
    }
  }

  private readObject(depth: number): unknown {
    const entries = new Map<string, unknown>();
    this.readItems('}', () => {
      if (this.text[this.at] !== '"') throw this.unexpected();
      const key = this.readString();
      this.skipSpace();
      if (this.text[this.at] !== ':') throw this.unexpected();
      this.at++;
      this.skipSpace();
      entries.set(key, this.readValue(depth + 1));
    });
    for (const key of entries.keys()) if (indexKey.test(key)) return entries;
    return Object.fromEntries(entries);
  }

  private readList(depth: number): unknown[] {
    const items: unknown[] = [];
    this.readItems(']', () => items.push(this.readValue(depth + 1)));
    return items;
  }

  private readItems(close: string, readItem: () => void): void {
    this.at++;
    this.skipSpace();
    if (this.text[this.at] === close) {
      this.at++;
      return;
    }
    for (;;) {
      readItem();
      this.skipSpace();
      const next = this.text[this.at];
      if (next !== ',' && next !== close) throw this.unexpected();
      this.at++;
      if (next === close) return;
      this.skipSpace();
    }
  }

  private readString(): string {
    const { text } = this;
    const start = this.at;
    let end = start + 1;
    let isEscaped = false;
    for (;;) {
      const code = text.charCodeAt(end);
      if (code === quote) break;
      // NaN at the end of the text fails this comparison too.
      if (!(code >= firstPrintable)) {
        this.at = Math.min(end, text.length);
        throw this.unexpected(end < text.length ? 'control character in a string' : undefined);
      }
      isEscaped ||= code === backslash;
      end += code === backslash ? 2 : 1;
    }
    this.at = end + 1;
    return isEscaped ? (JSON.parse(text.slice(start, end + 1)) as string) : text.slice(start + 1, end);
  }

  private readWord<T>(word: string, value: T): T {
    if (!this.text.startsWith(word, this.at)) throw this.unexpected();
    this.at += word.length;
    return value;
  }

  private match(expression: RegExp): string | undefined {
    expression.lastIndex = this.at;
    const found = expression.exec(this.text)?.[0];
    this.at += found?.length ?? 0;
    return found;
  }

  private skipSpace(): void {
    this.match(this.space);
  }

  private unexpected(what?: string): SyntaxError {
    const found = this.text[this.at];
    const named = what ?? (found === undefined ? 'the end of the text' : JSON.stringify(found));
    return new SyntaxError(`Unexpected ${named} at position ${this.at}`);
  }
}
