/**
 * How much there is in a JSON text, judged before it is parsed: a megabyte of brackets or names keeps a parser a hundred
 * times as long as one of letters.
 */
import {
  type Found,
  maxDepth,
  maxFields,
  maxValues,
  shownPath,
  tooDeep,
  tooManyFields,
  tooManyValues,
} from '#base/sound-values.js';

/** An object or a list that is still open. */
interface Open {
  /** Entries of a list before the one that is read. */
  index: number;
  fields: number;
  /** Where the name of the field that is read stands, with its quotes; undefined in a list. */
  name: readonly [start: number, end: number] | undefined;
}

const [quote, backslash, comma, colon] = [0x22, 0x5c, 0x2c, 0x3a];
const [openList, closeList, openObject, closeObject] = [0x5b, 0x5d, 0x7b, 0x7d];

/**
 * The first place in a JSON text that is too much by the limits of `findUnsound`; undefined if there is none. What is no
 * JSON is for the parser to find. Numbers, true, false and null are not counted.
 */
export function findOversized(text: string): Found | undefined {
  const open: Open[] = [];
  let values = 0;
  let lastText: readonly [number, number] = [0, 0];
  for (let i = 0; i < text.length; i++) {
    switch (text.charCodeAt(i)) {
      case quote: {
        const end = endOfText(text, i);
        lastText = [i, end];
        values++;
        i = end;
        break;
      }
      case colon: {
        // The text before it was a name.
        values--;
        const top = open.at(-1);
        if (!top) break;
        top.name = lastText;
        if (++top.fields > maxFields) return tooManyFields(pathOf(text, open.slice(0, -1)));
        break;
      }
      case comma: {
        const top = open.at(-1);
        if (top) top.index++;
        break;
      }
      case openList:
      case openObject:
        if (open.length === maxDepth) return tooDeep(pathOf(text, open));
        values++;
        open.push({ index: 0, fields: 0, name: undefined });
        break;
      case closeList:
      case closeObject:
        open.pop();
        break;
      default:
    }
    // A name counts until its colon is seen.
    if (values > maxValues + 1) return tooManyValues();
  }
  return undefined;
}

/** The place of the closing quote, or of the last character of a text that is never closed. */
function endOfText(text: string, start: number): number {
  let end = text.indexOf('"', start + 1);
  while (end >= 0 && isEscaped(text, end)) end = text.indexOf('"', end + 1);
  return end < 0 ? text.length - 1 : end;
}

function isEscaped(text: string, place: number): boolean {
  let first = place;
  while (text.charCodeAt(first - 1) === backslash) first--;
  return (place - first) % 2 === 1;
}

function pathOf(text: string, open: readonly Open[]): string {
  return shownPath(open.map(({ name, index }) => (name ? nameAt(text, name) : String(index))));
}

function nameAt(text: string, [start, end]: readonly [number, number]): string {
  return text.slice(start + 1, end);
}
