/** Jobs as they are made: how things stand is read once, and all that a job begins with is written at once. */
import { LowrankError } from '#base/errors.js';
import { type Beginning, type Beginnings, filesOf } from '#jobs/beginnings.js';
import type { IdempotentRequest } from '#jobs/idempotency.js';
import { pendingModel } from '#jobs/fetching.js';
import type { NewEvent } from '#jobs/transitions.js';
import { isInLine, reasonFromNow } from '#jobs/waiting.js';
import { Job, type JobData } from '#platform/database/entities/job.js';
import { newId } from '#platform/ids.js';
import type { Integration } from '#trackers/declared/registry.js';
import type { Choice } from '#training/events.js';
import type { RequestedOptions, ResolvedOptions } from '#training/resolved-options.js';

/** A job before it is made: checked by `planJob`, files and adapter of the same project. */
export interface NewJob {
  /** Name of the base model. */
  readonly model: string;
  /** Digest of the base model, or what stands for it until it is here. */
  readonly baseIdentity: string;
  readonly trainingFileId: string;
  readonly validationFileId: string | null;
  /** What is said of the files; null for nothing. */
  readonly data?: JobData | null;
  readonly initAdapterId: string | null;
  /** PEFT's LoraConfig as it was asked for. */
  readonly lora: Record<string, unknown> | null;
  /** Training options as they were asked for, without `seed` and `device`, which stand on the job. */
  readonly training: Record<string, unknown>;
  /** All that was asked for, and what it means. */
  readonly requested?: RequestedOptions | null;
  readonly resolved?: ResolvedOptions | null;
  /** Values that were chosen for `auto`, as far as they are known. */
  readonly choices?: readonly Choice[] | null;
  readonly device: string;
  readonly suffix: string | null;
  readonly metadata: Record<string, string> | null;
  readonly integrations?: readonly Integration[] | null;
  readonly seed: number;
}

/** A job that was made just now. */
export interface MadeJob {
  readonly job: Job;
  /** 1 is the next; null if it is not its turn that the job waits for. */
  readonly position: number | null;
  /** Ids of this project's jobs that keep the devices busy for which the job waits. */
  readonly busyWith: readonly string[];
}

/** The request that asks for a job, and the answer to be kept with it. */
export interface KeyedAnswer {
  readonly request: IdempotentRequest;
  readonly view: (made: MadeJob) => Record<string, unknown>;
}

/**
 * Makes a job that waits for a worker; one that no worker could take waits outside the queue. Null, and nothing is made, if
 * the request's key has an answer already. Throws LowrankError `file_not_found` (details.field) if a file is gone.
 */
export async function makeJob(
  beginnings: Beginnings,
  projectId: string,
  input: NewJob,
  keyed?: KeyedAnswer,
  trackers: readonly string[] = [],
): Promise<MadeJob | null> {
  const { now, ahead, placement } = await beginnings.readStanding();
  const reason = placement.reasonFor({ device: input.device, memoryBytes: 0 });
  const id = newId('ftjob');
  const fetched = pendingModel(input.baseIdentity);
  const events: NewEvent[] = [
    { level: 'info', code: 'job.created', message: `Created fine-tuning job: ${id}` },
    fetched
      ? {
          level: 'info',
          code: 'model.fetching',
          message: `Fetching ${fetched.repository} at ${fetched.commit}`,
        }
      : { level: 'info', code: 'job.queued', message: 'Waiting for a worker' },
  ];
  const isQueued = !fetched && isInLine(reason);
  if (!isQueued && !fetched)
    events.push({ level: 'warn', code: 'job.waiting', message: `Waiting: ${reason!.message}` });
  const waiting = fetched ? null : reasonFromNow(reason);
  const job = Object.assign(new Job(), begin, input, {
    id,
    state: fetched ? 'validating_files' : 'queued',
    projectId,
    createdAt: now,
    queuedAt: now,
    eventCount: events.length,
    waiting,
  });
  const made: MadeJob = {
    job,
    position: isQueued ? ahead + 1 : null,
    busyWith: placement.busyWith(projectId, reason?.devices ?? []),
  };
  const { files, isMade } = await beginnings.write({
    job,
    events,
    isQueued,
    trackers,
    keyed: answered(keyed, made),
  });
  for (const [field, file] of Object.entries(filesOf(job))) {
    if (file !== null && !files.includes(file)) throw fileMissing(field, file);
  }
  return isMade ? made : null;
}

/** What is the same for every job when it begins. */
const begin = {
  step: 0,
  totalSteps: null,
  tokensPerSecond: null,
  attempt: 0,
  ownFailures: 0,
  data: null,
  integrations: null,
  requested: null,
  resolved: null,
  choices: null,
  workerId: null,
  heartbeatAt: null,
  cancelRequestedAt: null,
  pauseRequestedAt: null,
  plan: null,
  trainedTokens: null,
  adapterId: null,
  error: null,
  tryAfter: null,
  resultFileId: null,
  startedAt: null,
  finishedAt: null,
  deletedAt: null,
} as const satisfies Partial<Job>;

function answered(keyed: KeyedAnswer | undefined, made: MadeJob): Beginning['keyed'] {
  return keyed ? { ...keyed.request, body: keyed.view(made) } : null;
}

function fileMissing(field: string, file: string): LowrankError {
  return new LowrankError('file_not_found', `${field}: there is no file ${file}`, {
    details: { field, file },
  });
}
