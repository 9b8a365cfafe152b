/** Everything that a job names, brought to this machine, and the job file that says so to the trainer. */
import type { ErrorCode } from '#base/error-codes.js';
import { existsSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { DataSource } from 'typeorm';
import type { TrainerJobInput } from '#contracts/trainer-job.js';
import { writeFolderAtomically } from '#base/atomic-file.js';
import { LowrankError } from '#base/errors.js';
import { versionOf } from '#jobs/base-model-versions.js';
import { keptDecisions, resolvedOf } from '#jobs/job-options.js';
import type { MemberFiles } from '#jobs/member-files.js';
import { Adapter } from '#platform/database/entities/adapter.js';
import type { Job } from '#platform/database/entities/job.js';
import { StoredFile } from '#platform/database/entities/stored-file.js';
import { downloadFile } from '#platform/objects/download.js';
import type { ObjectStore } from '#platform/objects/object-store.js';
import type { TrainingDevice } from '#training/options.js';
import { linkFolder, type StoreWait, whenStoreAnswers } from './transfer.js';
import type { WorkFolder } from './work-folder.js';

export interface InputParts {
  readonly database: DataSource;
  readonly objects: ObjectStore;
  readonly members: MemberFiles;
  readonly storeWait: StoreWait;
  readonly signal: AbortSignal;
}

/** Something that a job needs and that is not there or not whole: trying again is of no use. */
export class InputError extends LowrankError {
  constructor(
    code: ErrorCode,
    readonly field: string,
    message: string,
    cause?: unknown,
  ) {
    super(code, `${field}: ${message}`, { cause, details: { field } });
  }
}

/** Fetches what is not here yet and yields the trainer's job. Throws InputError. */
export async function prepareInputs(
  job: Job,
  work: WorkFolder,
  device: string,
  cacheFolder: string,
  parts: InputParts,
): Promise<TrainerJobInput> {
  const base = await versionOf(parts.database.manager, { name: job.model, identity: job.baseIdentity });
  if (!base)
    throw new InputError(
      'model_not_found',
      'model',
      `the base model ${job.model} is not registered any more`,
    );
  const training = await fetchFile('training_file', job.trainingFileId, work, parts);
  const validation =
    job.validationFileId === null
      ? null
      : await fetchFile('validation_file', job.validationFileId, work, parts);
  const initAdapter =
    job.initAdapterId === null ? null : await fetchAdapter(job.initAdapterId, base.identity, work, parts);
  return {
    base_model: base.folder,
    base_model_name: job.model,
    base_identity: job.baseIdentity,
    training_file: training,
    validation_file: validation,
    training_form: job.data?.trainingForm ?? null,
    validation_form: job.data?.validationForm ?? null,
    validation_split: job.data?.validationSplit ?? null,
    ...optionsOf(job, device),
    init_adapter: initAdapter,
    output_folder: work.out,
    cache_folder: cacheFolder,
    resume: true,
  };
}

/** What was resolved when the job was made, and what its first attempt decided. */
function optionsOf(job: Job, device: string): Pick<TrainerJobInput, 'lora' | 'training' | 'chosen'> {
  const { training, lora } = resolvedOf(job);
  return {
    // What the initial adapter has is read from itself.
    lora: job.lora === null && job.initAdapterId !== null ? null : (lora ?? job.lora),
    training: { ...training, seed: job.seed, device: device as TrainingDevice },
    chosen: keptDecisions(job),
  };
}

async function fetchFile(
  field: string,
  fileId: string,
  work: WorkFolder,
  parts: InputParts,
): Promise<string> {
  const row = await parts.database.manager.findOneBy(StoredFile, { id: fileId });
  if (!row?.objectKey) throw new InputError('file_not_found', field, `the file ${fileId} is gone`);
  const file = join(work.data, fileId);
  const { size } = await stat(file).catch(() => ({ size: -1 }));
  if (size === row.bytes) return file;
  const object = { key: row.objectKey, bytes: row.bytes, sha256: row.sha256 };
  await fetching(field, parts, () => downloadFile(parts.objects, object, file, parts.signal));
  return file;
}

async function fetchAdapter(
  adapterId: string,
  baseIdentity: string,
  work: WorkFolder,
  parts: InputParts,
): Promise<string> {
  const row = await parts.database.manager.findOneBy(Adapter, { id: adapterId });
  if (!row || row.files.length === 0) {
    throw new InputError('adapter_not_found', 'init_adapter', `the adapter ${adapterId} is gone`);
  }
  const folder = work.initAdapter;
  if (existsSync(folder)) return folder;
  const { id, files } = row;
  await fetching('init_adapter', parts, async () => {
    using taken = await parts.members.take([{ id, weight: 1, baseIdentity, files }], parts.signal);
    const names = files.map(({ path }) => path);
    // The attempts of a job keep it for themselves, however long they take.
    await writeFolderAtomically(folder, (temporary) =>
      linkFolder(taken.folders[0]!.folder, names, temporary),
    );
  });
  return folder;
}

async function fetching(
  field: string,
  { storeWait, signal }: InputParts,
  work: () => Promise<void>,
): Promise<void> {
  try {
    await whenStoreAnswers(work, signal, storeWait);
  } catch (error) {
    if (error instanceof LowrankError && ['object_missing', 'object_corrupt'].includes(error.code)) {
      throw new InputError(error.code, field, error.message, error);
    }
    throw error;
  }
}
