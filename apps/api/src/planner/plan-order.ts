import type { DataForm } from '#data/data-form.js';
import type { PlanTask } from '#jobs/planner-calls.js';
import type { StoredFile } from '#platform/database/entities/stored-file.js';

/** A file as it is stored. */
export type DataFile = Pick<StoredFile, 'filename' | 'bytes' | 'sha256'> & {
  readonly objectKey: string;
  /** What is said of it beside its bytes. */
  readonly form: DataForm | null;
};

/** A plan to be made. */
export interface PlanOrder extends Omit<PlanTask, 'trainingFile' | 'validationFile'> {
  readonly trainingFile: DataFile;
  readonly validationFile: DataFile | null;
}
