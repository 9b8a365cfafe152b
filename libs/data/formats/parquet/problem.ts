/** What is wrong with a Parquet file. */

export class ParquetProblem extends Error {
  constructor(
    readonly code: string,
    /** The column that it is about; empty for the file. */
    readonly column: string,
    message: string,
  ) {
    super(message);
  }
}

/** Does what fails on bytes that are no Parquet, in whatever way, and says so. */
export function soundly<T>(column: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof ParquetProblem) throw error;
    throw damaged(column, (error as Error).message);
  }
}

export function damaged(column: string, reason: string): ParquetProblem {
  const what = column === '' ? 'the Parquet file' : `the column "${column}"`;
  return new ParquetProblem(
    'damaged_file',
    column,
    `${what} is damaged (${reason.slice(0, 200)}). Write or upload the file again.`,
  );
}
