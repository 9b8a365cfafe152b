/** Rows of other tools, so that an error can name what was given and say what to do with it. */
import type { Fields } from '#data/formats/row-source.js';

/** Names the data set format of a row by its fields, if it is one of another tool; with the fix. */
export function describeForeignRow(row: Fields): string | undefined {
  const has = (...fields: string[]): boolean => fields.every((field) => field in row);
  if ('preferred_completion' in row || 'non_preferred_completion' in row) {
    return (
      'this is a preference (DPO) row with fields of other names. Rename "preferred_completion" to "preferred_output" ' +
      'and "non_preferred_completion" to "non_preferred_output".'
    );
  }
  if (has('input_ids')) {
    return 'this row is tokenized already. Give the text; it is tokenized with the tokenizer of the base model.';
  }
  return undefined;
}
