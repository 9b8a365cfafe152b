/** What a shape of rows is made of, and what several of them share. */
import { describeType, type Report } from '#data/field-report.js';
import type { Fields } from '#data/formats/row-source.js';
import type { Row, RowKind } from '#data/rows/row.js';

/** A way to write rows: which fields there are and what they mean. An entry owns how it is known and how it is read. */
export interface RowShape {
  /** Kinds of the rows that it yields. */
  readonly kinds: readonly RowKind[];
  /** Fields that it reads; others are tolerated and counted. */
  readonly fields: readonly string[];
  /** Fields that are no text, which cells of a table hold as JSON. */
  readonly structured?: readonly string[];
  /** Fields that are text or messages: a cell of a table holds messages if it is JSON that looks like them. */
  readonly messagesOrText?: readonly string[];
  /** Whether a record without its null fields is of this shape. */
  detects(fields: Fields): boolean;
  /** The row; undefined if a problem was reported. */
  read(fields: Fields, report: Report): Row | undefined;
}

/** A field that must be text; undefined if a problem was reported. */
export function readText(
  fields: Fields,
  field: string,
  report: Report,
  { mayBeEmpty = false }: { mayBeEmpty?: boolean } = {},
): string | undefined {
  const text = fields[field];
  if (text === undefined) {
    report(field, 'missing_field', `"${field}" is missing. Add it, as text.`);
  } else if (typeof text !== 'string') {
    report(field, 'wrong_type', `"${field}" must be text, but is ${describeType(text)}.`);
  } else if (text === '' && !mayBeEmpty) {
    report(field, 'empty', `"${field}" is empty. Fill it, or remove the line.`);
  } else {
    return text;
  }
  return undefined;
}
