/** The classes that the rows of a data set have, before anybody knows which there are. */
import { DatasetReader, type DatasetOptions } from '#data/dataset.js';

/** Rows of each class, by its name; in the order in which the names come. */
export type ClassCounts = ReadonlyMap<string, number>;

/**
 * Reads all rows of a file for their classes. Problems in it are left for `prepareDataset` to name.
 *
 * Throws the errors of the file system and the signal's reason.
 */
export async function surveyClasses(file: string, options: DatasetOptions): Promise<ClassCounts> {
  const reader = new DatasetReader(file, options);
  const counts = new Map<string, number>();
  for await (const rows of reader.batches()) {
    for (const { row } of rows) {
      if ('label' in row) counts.set(row.label, (counts.get(row.label) ?? 0) + 1);
    }
  }
  return counts;
}
