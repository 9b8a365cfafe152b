/** Cells of tables, which are text: what is no text stands in them as JSON. */
import { parseExactJson } from '#data/exact-json.js';
import type { Fields } from '#data/formats/row-source.js';
import type { RowShape } from '#data/rows/row-shape.js';

/** The fields of a row of a table, as the shape reads them; what is no JSON stays, for the shape to refuse or to take. */
export function fromCells(
  fields: Fields,
  { structured = [], messagesOrText = [] }: Pick<RowShape, 'structured' | 'messagesOrText'>,
): Fields {
  const read = { ...fields };
  for (const field of structured) if (isFilled(read[field])) read[field] = jsonOf(read[field]) ?? read[field];
  for (const field of messagesOrText) {
    const value = isFilled(read[field]) ? jsonOf(read[field]) : undefined;
    if (isMessages(value)) read[field] = value;
  }
  return read;
}

function isFilled(cell: unknown): cell is string {
  return typeof cell === 'string' && /^\s*[[{]/.test(cell);
}

function jsonOf(text: string): unknown {
  try {
    return parseExactJson(text);
  } catch {
    return undefined;
  }
}

function isMessages(value: unknown): boolean {
  const isMessage = (one: unknown) => typeof one === 'object' && one !== null && 'role' in one;
  return Array.isArray(value) && value.length > 0 && value.every(isMessage);
}
