/** Python's notions of text: white space, lines, cases and kinds of characters. */
import { TemplateFailure } from '#data/jinja/values.js';

/** What Python takes for white space, for a character class. */
export const spaces = String.raw`\t-\r\x1c- \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000`;

const isSpace = new RegExp(`[${spaces}]`);
const gap = new RegExp(`[${spaces}]+`);
const lastWord = new RegExp(`[${spaces}]+([^${spaces}]+)$`);
const lineEnd = new RegExp(String.raw`(\r\n|[\n-\r\x1c-\x1e\x85\u2028\u2029])`);
const onlySpace = new RegExp(`^[${spaces}]+$`);

/** Takes characters of a set, or white space, off the ends of a text. */
export function strip(text: string, set: string | null, atStart: boolean, atEnd: boolean): string {
  const isStripped =
    set === null
      ? (character: string) => isSpace.test(character)
      : (character: string) => set.includes(character);
  let start = 0;
  let end = text.length;
  if (atStart) {
    while (start < end) {
      const character = String.fromCodePoint(text.codePointAt(start)!);
      if (!isStripped(character)) break;
      start += character.length;
    }
  }
  if (atEnd) {
    while (end > start) {
      const last = text.charCodeAt(end - 1);
      const isPair = last >= 0xdc00 && last <= 0xdfff && end - start > 1;
      const character = text.slice(end - (isPair ? 2 : 1), end);
      if (!isStripped(character)) break;
      end -= character.length;
    }
  }
  return text.slice(start, end);
}

/** Parts of a text between separators, or between runs of white space; at most `limit` cuts, unless negative. */
export function split(text: string, separator: string | null, limit: number): string[] {
  if (separator === '') throw new TemplateFailure('empty separator');
  if (separator !== null) {
    const parts = text.split(separator);
    if (limit < 0 || parts.length <= limit + 1) return parts;
    return [...parts.slice(0, limit), parts.slice(limit).join(separator)];
  }
  const parts: string[] = [];
  let rest = strip(text, null, true, false);
  while (rest !== '') {
    const found = limit >= 0 && parts.length >= limit ? null : gap.exec(rest);
    parts.push(rest.slice(0, found?.index));
    rest = found ? rest.slice(found.index + found[0].length) : '';
  }
  return parts;
}

/** As split, cutting from the end. */
export function splitFromEnd(text: string, separator: string | null, limit: number): string[] {
  if (limit < 0) return split(text, separator, limit);
  if (separator === '') throw new TemplateFailure('empty separator');
  if (separator !== null) {
    const parts = text.split(separator);
    const kept = parts.length - limit;
    if (kept <= 1) return parts;
    return [parts.slice(0, kept).join(separator), ...parts.slice(kept)];
  }
  const parts: string[] = [];
  let rest = strip(text, null, false, true);
  while (rest !== '' && parts.length < limit) {
    const found = lastWord.exec(rest);
    if (!found) break;
    parts.unshift(found[1]!);
    rest = rest.slice(0, found.index);
  }
  return strip(rest, null, true, false) === ''
    ? parts
    : [parts.length < limit ? strip(rest, null, true, false) : rest, ...parts];
}

/** Lines of a text, without their ends unless these are to be kept. */
export function splitLines(text: string, keepEnds: boolean): string[] {
  const parts = text.split(lineEnd);
  const lines: string[] = [];
  for (let i = 0; i < parts.length; i += 2) {
    const end = parts[i + 1];
    if (end === undefined && parts[i] === '') break;
    lines.push(keepEnds ? parts[i]! + (end ?? '') : parts[i]!);
  }
  return lines;
}

/** The first character in upper case, the rest in lower case. */
export function capitalize(text: string): string {
  const [first = '', ...rest] = text;
  return first.toUpperCase() + rest.join('').toLowerCase();
}

/** Each run of letters as a word. */
export function titleCase(text: string): string {
  return text.replace(/\p{L}+/gu, capitalize);
}

export function swapCase(text: string): string {
  return Array.from(text, (character) =>
    character === character.toLowerCase() ? character.toUpperCase() : character.toLowerCase(),
  ).join('');
}

/** Tests of str that ask every character, and are false for an empty text. */
export const characterTests: Readonly<Record<string, (text: string) => boolean>> = {
  isalnum: (text) => /^[\p{L}\p{N}]+$/u.test(text),
  isalpha: (text) => /^\p{L}+$/u.test(text),
  isascii: (text) => /^\p{ASCII}*$/u.test(text),
  isdecimal: (text) => /^\p{Nd}+$/u.test(text),
  isdigit: (text) => /^[\p{Nd}\u00b2\u00b3\u00b9\u2070\u2074-\u2079\u2080-\u2089]+$/u.test(text),
  isidentifier: (text) => /^[\p{L}\p{Nl}_][\p{L}\p{Nl}\p{Mn}\p{Mc}\p{Nd}\p{Pc}_]*$/u.test(text),
  islower: (text) => /\p{Lowercase}/u.test(text) && !/[\p{Uppercase}\p{Lt}]/u.test(text),
  isnumeric: (text) => /^\p{N}+$/u.test(text),
  isprintable: (text) => !/(?! )[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}\p{Zs}]/u.test(text),
  isspace: (text) => onlySpace.test(text),
  istitle: (text) => /\p{L}/u.test(text) && titleCase(text) === text,
  isupper: (text) => /\p{Uppercase}/u.test(text) && !/[\p{Lowercase}\p{Lt}]/u.test(text),
};

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  "'": '&#39;',
  '"': '&#34;',
};

export function escapeHtml(text: string): string {
  return text.replace(/[&<>'"]/g, (character) => entities[character]!);
}

/** The text that a text with HTML entities of these five characters stands for. */
export function unescapeHtml(text: string): string {
  return text.replace(/&(?:amp|lt|gt|#39|#34|quot);/g, (entity) => {
    if (entity === '&quot;') return '"';
    return Object.keys(entities).find((character) => entities[character] === entity)!;
  });
}
