/** From the bytes of a line to a JSON object, or the one problem that stands in the way. */
import { isUtf8 } from 'node:buffer';
import { parseExactJson } from '#data/exact-json.js';
import { findLoneSurrogate, type Report } from '#data/field-report.js';
import type { Line } from '#data/formats/lines.js';
import type { Fields } from '#data/formats/row-source.js';

/** Deeper nesting means a mistake or an attack; what a row needs (tools with JSON schemas) stays far below. */
const maxDepth = 100;

/** Integers of as many digits are exact in any case. */
const safeDigits = 15;

const loneReturn =
  'the lines of this file end with a carriage return alone (CR). Save it with line ends of LF or CRLF ' +
  "(tr '\\r' '\\n' < old.jsonl > new.jsonl).";

/** The text of a line; undefined if a problem was reported. */
export function decodeLine(
  { bytes, hasReturn }: Line,
  maxLineBytes: number,
  report: Report,
): string | undefined {
  if (!bytes && hasReturn) {
    report('', 'lone_carriage_return', loneReturn);
    return undefined;
  }
  if (!bytes) {
    const limit = `${Math.round(maxLineBytes / 1024)} KiB`;
    report('', 'line_too_long', `the line is longer than ${limit}. Split the row into several.`);
    return undefined;
  }
  const zero = bytes.indexOf(0);
  if (zero >= 0) {
    report('', 'nul_byte', `there is a NUL byte at byte ${zero} of the line. Is the file text in UTF-8?`);
    return undefined;
  }
  if (!isUtf8(bytes)) {
    const offset = firstInvalidByte(bytes);
    const hex = bytes[offset]!.toString(16).padStart(2, '0');
    report('', 'not_utf8', `byte ${offset} of the line (0x${hex}) is not UTF-8. Save the file as UTF-8.`);
    return undefined;
  }
  return bytes.toString('utf8');
}

/** The object of a line that `decodeLine` has decoded; undefined if a problem was reported. */
export function parseLine(text: string, { bytes, isUnterminated }: Line, report: Report): Fields | undefined {
  const { isTooDeep, isOpen, needsExactness } = scan(bytes!);
  if (isTooDeep) {
    report('', 'too_deep', `lists and objects are nested more than ${maxDepth} deep. Flatten them.`);
    return undefined;
  }
  let value: unknown;
  try {
    value = needsExactness ? parseExactJson(text) : JSON.parse(text);
  } catch (error) {
    if (isUnterminated && isOpen) {
      report('', 'truncated_last_line', 'the file ends in the middle of this row. Copy or upload it again.');
    } else {
      const reason = error instanceof Error ? error.message : String(error);
      const [code, message] = explain(text) ?? [
        'invalid_json',
        `the line is not JSON: ${reason.slice(0, 200)}. Write one object on each line.`,
      ];
      report('', code, message);
    }
    return undefined;
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    report(
      '',
      'not_an_object',
      'the line is JSON, but not an object. Write {"messages": [...]} or another row.',
    );
    return undefined;
  }
  // Only an escape can hold half a surrogate pair: the bytes were UTF-8.
  const broken = /\\u[dD][89a-fA-F]/.test(text) ? findLoneSurrogate(value) : undefined;
  if (broken !== undefined) {
    report(
      broken,
      'lone_surrogate',
      'the text has half of a character (a lone \\ud8xx escape). Write all of it.',
    );
    return undefined;
  }
  return value instanceof Map ? (Object.fromEntries(value) as Fields) : (value as Fields);
}

/** What is wrong with a line that is not JSON, where it is one of the usual things; with the fix. */
function explain(text: string): readonly [code: string, message: string] | undefined {
  const isJson = (part: string): boolean => {
    try {
      JSON.parse(part);
      return true;
    } catch {
      return false;
    }
  };
  const line = text.trim();
  const parts = text.split('\ufeff').filter((part) => part.trim() !== '');
  if (text.includes('\ufeff') && parts.every(isJson)) {
    return [
      'byte_order_mark',
      'a byte order mark (BOM) stands in the middle of the file, as where files were joined. Remove it, and write ' +
        'each object on a line of its own.',
    ];
  }
  if (line.endsWith(',') && isJson(line.slice(0, -1))) {
    return ['trailing_comma', 'a comma follows the object. JSON lines have none between rows: remove it.'];
  }
  const [first = '', ...rest] = line.split('\r');
  if (rest.length > 0 && isJson(first)) return ['lone_carriage_return', loneReturn];
  const ends = [...line.matchAll(/\}(?=\s*\{)/g)].slice(0, 20).map(({ index }) => index + 1);
  if (ends.some((end) => isJson(line.slice(0, end)))) {
    return [
      'invalid_json',
      'the line has several objects. Write each on a line of its own (jq -c . file.json).',
    ];
  }
  if (/[:[,]\s*-?(?:NaN|Infinity)\s*[,\]}]/.test(line)) {
    return ['not_a_number', 'NaN and Infinity are not JSON. Write null, or leave the field out.'];
  }
  if (/^\{\s*'/.test(line)) {
    return [
      'invalid_json',
      'the line is a Python dict, not JSON. Write it with json.dumps, which quotes with ".',
    ];
  }
  return undefined;
}

/** The offset of the first byte that no UTF-8 text has there; the bytes are known to be wrong. */
function firstInvalidByte(bytes: Buffer): number {
  let offset = 0;
  while (offset < bytes.length) {
    const lead = bytes[offset]!;
    const length = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    if (!isUtf8(bytes.subarray(offset, offset + length))) break;
    offset += length;
  }
  return Math.min(offset, bytes.length - 1);
}

/**
 * Walks the brackets, quotes and numbers of a line of JSON. Runs before JSON.parse, which has no limit of depth and
 * keeps neither large integers, nor whole floats, nor the order of keys that are numbers.
 */
function scan(bytes: Buffer): { isTooDeep: boolean; isOpen: boolean; needsExactness: boolean } {
  let depth = 0;
  let digits = 0;
  let needsExactness = false;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i]!;
    if (byte >= 0x30 && byte <= 0x39) {
      needsExactness ||= ++digits > safeDigits || (byte === 0x30 && digits === 1 && bytes[i - 1] === 0x2d);
      continue;
    }
    // A point or an exponent after a digit.
    needsExactness ||= digits > 0 && (byte === 0x2e || (byte | 0x20) === 0x65);
    digits = 0;
    if (byte === 0x22) {
      const start = i;
      i = endOfString(bytes, i);
      if (i >= bytes.length) return { isTooDeep: false, isOpen: true, needsExactness };
      needsExactness ||= isNumericKey(bytes, start, i);
    } else if (byte === 0x7b || byte === 0x5b) {
      if (++depth > maxDepth) return { isTooDeep: true, isOpen: true, needsExactness };
    } else if (byte === 0x7d || byte === 0x5d) {
      depth--;
    }
  }
  return { isTooDeep: false, isOpen: depth > 0, needsExactness };
}

/** Where the string that begins at a place ends; the length of the line if it does not. */
function endOfString(bytes: Buffer, start: number): number {
  let end = start + 1;
  while (end < bytes.length && bytes[end] !== 0x22) end += bytes[end] === 0x5c ? 2 : 1;
  return end;
}

function isNumericKey(bytes: Buffer, start: number, end: number): boolean {
  const first = bytes[start + 1]!;
  if (first < 0x30 || first > 0x39 || end - start > 12) return false;
  let next = end + 1;
  while (bytes[next] === 0x20 || bytes[next] === 0x09) next++;
  return bytes[next] === 0x3a;
}
