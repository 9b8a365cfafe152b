/** Rows of plain text. */
import { readText, type RowShape } from '#data/rows/row-shape.js';

export const textShape: RowShape = {
  kinds: ['text'],
  fields: ['text'],

  detects: (fields) => 'text' in fields,

  read(fields, report) {
    const text = readText(fields, 'text', report);
    return text === undefined ? undefined : { kind: 'text', text };
  },
};
