/** The rows of a training file on both sides of a validation split. */
import { DatasetReader } from '#data/dataset.js';
import type { RowPart } from '#data/prepare.js';
import type { Row } from '#data/rows/row.js';
import type { ValidationSplit } from '#data/data-form.js';
import { chooseValidation, placeOf, promptKey } from '#data/validation-split.js';
import type { RowCodec } from '#training/data-head.js';
import type { TrainingJob } from '#training/job.js';

/**
 * Reads all rows for their prompts; the same file, split and seed give the same sides. Problems in the file are left for
 * `prepareDataset` to name. Throws as `chooseValidation`, the errors of the file system and the signal's reason.
 */
export async function splitRows(
  { trainingFile, trainingForm: form, options: { seed } }: TrainingJob,
  split: ValidationSplit,
  { reading }: RowCodec,
  signal: AbortSignal | undefined,
): Promise<{ readonly training: RowPart; readonly validation: RowPart } | undefined> {
  const reader = new DatasetReader(trainingFile, { reading, form, signal });
  const places: number[] = [];
  const place = (row: Row) => placeOf(promptKey(row), seed);
  for await (const rows of reader.batches()) for (const { row } of rows) places.push(place(row));
  if (!reader.problems.isEmpty) return undefined;
  const chosen = chooseValidation(places, split);
  const name = (side: string) => JSON.stringify(['split', side, split, seed]);
  return {
    training: { name: name('training'), has: (row) => !chosen.has(place(row)) },
    validation: { name: name('validation'), has: (row) => chosen.has(place(row)) },
  };
}
