/** Overlap of texts: what measures a model must not be among what trained it. */

/** Runs of `length` words of a text, lower case. Letters alone: a verse's number must not hide a quotation. */
function wordRuns(text: string, length: number): string[] {
  const words = text.toLowerCase().match(/\p{L}+/gu) ?? [];
  return Array.from({ length: Math.max(0, words.length - length + 1) }, (_, at) =>
    words.slice(at, at + length).join(' '),
  );
}

export interface Overlap {
  /** Distinct runs of the measured texts. */
  readonly total: number;
  /** Those that the training texts hold too, in order of appearance. */
  readonly shared: readonly string[];
}

/** Which runs of `length` words of the measured texts occur in the training texts. */
export function findOverlap(training: Iterable<string>, measured: Iterable<string>, length: number): Overlap {
  const runs = new Set<string>();
  for (const text of measured) for (const run of wordRuns(text, length)) runs.add(run);
  const shared = new Set<string>();
  for (const text of training) for (const run of wordRuns(text, length)) if (runs.has(run)) shared.add(run);
  return { total: runs.size, shared: [...runs].filter((run) => shared.has(run)) };
}

/** The passages that share no run of `length` words with the training texts. */
export function dropOverlapping(
  passages: readonly string[],
  training: readonly string[],
  length: number,
): string[] {
  const shared = new Set(findOverlap(training, passages, length).shared);
  return passages.filter((passage) => !wordRuns(passage, length).some((run) => shared.has(run)));
}
