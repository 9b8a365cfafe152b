/** What the form says of the files beside their bytes, as the request has it. */
import type { JobCreate } from '#contracts/http/job-create.js';

export interface DataFields {
  /** Share or number of rows that are kept back; empty for none. */
  readonly split: string;
  /** Of the files; empty where their names and bytes tell it. */
  readonly format: string;
  /** `prompt=question, completion=answer`. */
  readonly columns: string;
}

export const noDataFields: DataFields = { split: '', format: '', columns: '' };

/** What is no number goes to the server as it is, which says what is wrong. */
export function dataBody({ split, format, columns }: DataFields, hasValidation: boolean): Partial<JobCreate> {
  const rows = split.trim();
  const named = columnsOf(columns);
  return {
    ...(rows !== '' &&
      !hasValidation && { validation_split: Number.isNaN(Number(rows)) ? (rows as never) : Number(rows) }),
    ...(format !== '' && { format: format as JobCreate['format'] }),
    ...(Object.keys(named).length > 0 && { columns: named }),
  };
}

/** Fields and the columns that are meant, from `field=column` with commas between them. */
export function columnsOf(text: string): Record<string, string> {
  const pairs = text
    .split(',')
    .map((pair) => pair.trim())
    .filter(Boolean);
  return Object.fromEntries(
    pairs.map((pair) => {
      const [field = '', ...column] = pair.split('=');
      return [field.trim(), column.join('=').trim()];
    }),
  );
}

/** The fields of a job that was made already. */
export function dataFieldsOf(job: {
  readonly validation_split?: number | null | undefined;
  readonly format?: string | null | undefined;
  readonly columns?: Readonly<Record<string, string>> | null | undefined;
}): DataFields {
  const columns = Object.entries(job.columns ?? {}).map(([field, column]) => `${field}=${column}`);
  return {
    split: job.validation_split?.toString() ?? '',
    format: job.format ?? '',
    columns: columns.join(', '),
  };
}
