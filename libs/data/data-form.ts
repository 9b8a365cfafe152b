/**
 * What a person says of a data set where its bytes and names do not: its format, which columns are meant, and which rows are
 * kept back. Of use in browsers too.
 */
import { boundedRecord } from '#base/bounded-schemas.js';
import * as z from 'zod';
import { nearestNames } from '#base/nearest-names.js';

/** What a person calls the formats of files; those of `formats/registry.ts`, told where nothing is read. */
export const formatNames = ['jsonl', 'json', 'csv', 'tsv', 'parquet'] as const;
export type FormatName = (typeof formatNames)[number];

/** The fields of rows; those of `rows/registry.ts`, likewise. */
export const fieldNames = [
  'messages',
  'tools',
  'parallel_tool_calls',
  'conversations',
  'system',
  'instruction',
  'input',
  'output',
  'response',
  'history',
  'preferred_output',
  'non_preferred_output',
  'prompt',
  'chosen',
  'rejected',
  'completion',
  'text',
  'text_pair',
  'sentence',
  'sentence1',
  'sentence2',
  'premise',
  'hypothesis',
  'question1',
  'question2',
  'label',
  'image',
] as const;

export const formatFix = `give one of ${formatNames.join(', ')}, or null`;
export const columnsFix = `give columns under names of fields, such as {"prompt": "question"}; fields are ${fieldNames.join(', ')}`;

export const dataFormat = z.enum(formatNames);
/** Fields of rows, each with the column that is meant. */
export const dataColumns = boundedRecord(z.string().max(64), z.string().min(1).max(200), 100).superRefine(
  (columns, context) => {
    for (const field of Object.keys(columns)) {
      if ((fieldNames as readonly string[]).includes(field)) continue;
      const [nearest] = nearestNames(field, fieldNames, 1);
      const fix = nearest === undefined ? columnsFix : `did you mean ${nearest}? Else ${columnsFix}`;
      context.addIssue({ code: 'custom', path: [field], message: 'is no field of rows', params: { fix } });
    }
  },
);

export const dataForm = z.strictObject({
  format: dataFormat.nullish(),
  columns: dataColumns.nullish(),
});
export type DataForm = z.output<typeof dataForm>;

/** Names a form; undefined for one that says nothing. */
export function formKey(form: DataForm | null | undefined): string | undefined {
  const columns = Object.entries(form?.columns ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  if (!form?.format && columns.length === 0) return undefined;
  return JSON.stringify([form?.format ?? null, columns]);
}

/** What is said for one job goes before what was said of a file; null where nothing is. */
export function mergedForm(
  said: DataForm | null | undefined,
  ofFile: DataForm | null | undefined,
): DataForm | null {
  const format = said?.format ?? ofFile?.format ?? null;
  const columns = said?.columns ?? ofFile?.columns ?? null;
  return format === null && columns === null ? null : { format, columns };
}

/** A share of the rows, below 1, or a number of them. */
export const validationSplit = z.union([z.number().gt(0).lt(1), z.int().min(1).max(1_000_000_000)]);
export type ValidationSplit = z.output<typeof validationSplit>;
export const splitFix = 'give a share of the rows above 0 and below 1, or a whole number of them, or null';
