/** Rows of a text, or a pair of texts, and their class, under the names that data sets of the hub have for them. */
import { describeType, type Report } from '#data/field-report.js';
import type { Fields } from '#data/formats/row-source.js';
import type { LabelledRow } from '#data/rows/row.js';
import { readText, type RowShape } from '#data/rows/row-shape.js';

/** The field of a text, and that of the other one where it is a pair. */
const textFields: readonly (readonly [first: string, second: string | null])[] = [
  ['text', 'text_pair'],
  ['sentence', null],
  ['sentence1', 'sentence2'],
  ['premise', 'hypothesis'],
  ['question1', 'question2'],
];

const labelField = 'label';

const fieldsOf = (fields: Fields) => textFields.find(([first]) => first in fields);

/** Reads the class of a row; undefined if a problem was reported. */
export function readLabel(fields: Fields, report: Report): string | undefined {
  const label = fields[labelField];
  if (typeof label === 'boolean') return String(label);
  if (typeof label === 'string' && label !== '') return label;
  if (typeof label === 'bigint' || typeof label === 'number') {
    const number = Number(label);
    // -1 is how data sets of the hub mark what has no class.
    if (Number.isSafeInteger(number) && number >= 0) return String(number);
  }
  const isMissing = label === undefined || label === '';
  const what = isMissing ? 'has no value' : `is ${describeLabel(label)}`;
  const fix = 'Write the name of a class, or its number from 0.';
  report(labelField, isMissing ? 'missing_field' : 'wrong_type', `"${labelField}" ${what}. ${fix}`);
  return undefined;
}

function describeLabel(label: unknown): string {
  return typeof label === 'number' || typeof label === 'bigint' ? String(label) : describeType(label);
}

export const labelledShape: RowShape = {
  kinds: ['labelled'],
  fields: [...textFields.flat().filter((field) => field !== null), labelField],

  detects: (fields) => labelField in fields && fieldsOf(fields) !== undefined,

  read(fields, report): LabelledRow | undefined {
    const [first, second] = fieldsOf(fields)!;
    const text = readText(fields, first, report);
    const hasPair = second !== null && second in fields;
    const pair = hasPair ? readText(fields, second, report) : undefined;
    const label = readLabel(fields, report);
    if (text === undefined || label === undefined || (hasPair && pair === undefined)) return undefined;
    return { kind: 'labelled', text, ...(pair === undefined ? {} : { pair }), label };
  },
};
