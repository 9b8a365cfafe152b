/** The shapes of rows. A new one is a file beside this one and an entry in the list. */
import type { Report } from '#data/field-report.js';
import type { Fields } from '#data/formats/row-source.js';
import { alpacaShape } from '#data/rows/alpaca-row.js';
import { chatShape } from '#data/rows/chat-row.js';
import { completionShape } from '#data/rows/completion-row.js';
import { describeForeignRow } from '#data/rows/foreign-rows.js';
import { imageShape } from '#data/rows/image-row.js';
import { labelledShape } from '#data/rows/labelled-row.js';
import { openaiPreferenceShape, trlPreferenceShape } from '#data/rows/preference-row.js';
import type { Row } from '#data/rows/row.js';
import type { RowReading } from '#data/rows/row-reading.js';
import type { RowShape } from '#data/rows/row-shape.js';
import { shareGptShape } from '#data/rows/sharegpt-row.js';
import { fromCells } from '#data/rows/table-cells.js';
import { textShape } from '#data/rows/text-row.js';

/**
 * Asked in this order, so that a data set with a column of whole conversations is read by that; what whoever learns can
 * read goes before.
 */
const rowShapes: readonly RowShape[] = [
  chatShape,
  shareGptShape,
  alpacaShape,
  openaiPreferenceShape,
  trlPreferenceShape,
  completionShape,
  labelledShape,
  imageShape,
  textShape,
];

/** Every field that rows have. */
export const readFieldNames: readonly string[] = [...new Set(rowShapes.flatMap(({ fields }) => fields))];
const readFields = new Set(readFieldNames);

/** Whether a shape of rows has a field of this name. */
export function isReadField(name: string): boolean {
  return readFields.has(name);
}

/** What a record is. */
export type ReadRecord =
  | { readonly row: Row; readonly unreadFields: readonly string[] }
  /** A problem was reported; a row of another tool means that all of the file is. */
  | { readonly row: undefined; readonly isForeign: boolean };

/**
 * Reads a record as a typed row, of a kind that `reading` has if it can be. A field that is null is absent: so do tables
 * write what a row does not have. Cells of tables hold as JSON what is no text.
 */
export function readRecord(
  record: Fields,
  report: Report,
  { reading, isTable = false }: { readonly reading?: RowReading; readonly isTable?: boolean } = {},
): ReadRecord {
  const fields = Object.fromEntries(Object.entries(record).filter(([, value]) => value !== null));
  const possible = rowShapes.filter((each) => each.detects(fields));
  const foreign = possible.includes(chatShape) ? undefined : describeForeignRow(fields);
  if (foreign) {
    report('', 'unsupported_format', foreign);
    return { row: undefined, isForeign: true };
  }
  const isRead = ({ kinds }: RowShape) => !reading || kinds.some((kind) => reading.kinds.includes(kind));
  const shape = possible.find(isRead) ?? possible[0];
  if (!shape) {
    report('', 'unknown_format', describeUnknown(record));
    return { row: undefined, isForeign: false };
  }
  if (!isRead(shape)) {
    report('', 'other_row_kind', reading!.explainOther(shape.kinds[0]!));
    return { row: undefined, isForeign: true };
  }
  const row = shape.read(isTable ? fromCells(fields, shape) : fields, report);
  if (!row) return { row, isForeign: false };
  return { row, unreadFields: Object.keys(fields).filter((field) => !shape.fields.includes(field)) };
}

function describeUnknown(record: Fields): string {
  const named = Object.keys(record)
    .slice(0, 8)
    .map((field) => (record[field] === null ? `${field} (null)` : field));
  return (
    `the row has none of the fields messages, conversations, instruction and output, prompt and completion, text, text and label, image and label, or chosen and rejected; it has: ${named.join(', ') || 'none'}. ` +
    'Rename them, or say with columns which are meant.'
  );
}
