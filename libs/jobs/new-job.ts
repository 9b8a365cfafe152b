/** Jobs as they are made: how things stand is read once, and all that a job begins with is written by one statement. */
import type { EntityManager } from 'typeorm';
import { LowrankError } from '#base/errors.js';
import type { IdempotentRequest } from '#jobs/idempotency.js';
import { Placement, type WorkerRow } from '#jobs/placement.js';
import { fileIsThere } from '#jobs/stored-files.js';
import type { NewEvent } from '#jobs/transitions.js';
import { inLine, isInLine, reasonFromNow } from '#jobs/waiting.js';
import { Job } from '#platform/database/entities/job.js';
import { newId } from '#platform/ids.js';
import type { Choice } from '#training/events.js';
import type { RequestedOptions, ResolvedOptions } from '#training/resolved-options.js';

/** A job before it is made: checked by `planJob`, files and adapter of the same project. */
export interface NewJob {
  /** Name of the base model. */
  readonly model: string;
  /** Digest of the base model. */
  readonly baseIdentity: string;
  readonly trainingFileId: string;
  readonly validationFileId: string | null;
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
  manager: EntityManager,
  projectId: string,
  input: NewJob,
  { lostSeconds, keyed }: { readonly lostSeconds: number; readonly keyed?: KeyedAnswer },
): Promise<MadeJob | null> {
  const { now, ahead, placement } = await readStanding(manager, lostSeconds);
  const reason = placement.reasonFor({ device: input.device, memoryBytes: 0 });
  const id = newId('ftjob');
  const events: NewEvent[] = [
    { level: 'info', code: 'job.created', message: `Created fine-tuning job: ${id}` },
    { level: 'info', code: 'job.queued', message: 'Waiting for a worker' },
  ];
  const isQueued = isInLine(reason);
  if (!isQueued) events.push({ level: 'warn', code: 'job.waiting', message: `Waiting: ${reason!.message}` });
  const waiting = reasonFromNow(reason);
  const job = Object.assign(new Job(), begin, input, {
    id,
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
  const { files, isMade } = await write(manager, job, { events, isQueued, keyed: answered(keyed, made) });
  for (const [field, file] of Object.entries(filesOf(job))) {
    if (file !== null && !files.includes(file)) throw fileMissing(field, file);
  }
  return isMade ? made : null;
}

/** What is the same for every job when it begins. */
const begin = {
  state: 'queued',
  step: 0,
  totalSteps: null,
  tokensPerSecond: null,
  attempt: 0,
  ownFailures: 0,
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
  startedAt: null,
  finishedAt: null,
} as const satisfies Partial<Job>;

/** How things stand when a job is made. */
interface Standing {
  /** By the clock of the database. */
  readonly now: Date;
  /** Jobs that wait for their turn. */
  readonly ahead: number;
  readonly placement: Placement;
}

async function readStanding(manager: EntityManager, lostSeconds: number): Promise<Standing> {
  const [row] = await manager.query<{ now: Date; ahead: number; workers: WorkerRow[] }[]>(
    `SELECT now() AS now, (SELECT count(*)::int FROM job WHERE ${inLine('job')}) AS ahead,
       (SELECT coalesce(json_agg(alive), '[]') FROM (${Placement.query}) alive) AS workers`,
    [lostSeconds],
  );
  const { now, ahead, workers } = row!;
  return { now, ahead, placement: Placement.of(workers) };
}

interface Beginning {
  readonly events: readonly NewEvent[];
  readonly isQueued: boolean;
  readonly keyed: (IdempotentRequest & { readonly body: Record<string, unknown> }) | null;
}

function answered(keyed: KeyedAnswer | undefined, made: MadeJob): Beginning['keyed'] {
  return keyed ? { ...keyed.request, body: keyed.view(made) } : null;
}

/** The files that a job needs, by the fields that name them. */
const filesOf = ({ trainingFileId, validationFileId }: Job) => ({
  training_file: trainingFileId,
  validation_file: validationFileId,
});

/**
 * Writes the row, its events, its entry in the outbox and the answer to its key: all of them, or nothing if a file is gone
 * or the key has an answer. The rows of the files are held until they are written. Of requests with one key at the same
 * time, one writes and the others wait for it.
 */
async function write(
  manager: EntityManager,
  job: Job,
  { events, isQueued, keyed }: Beginning,
): Promise<{ readonly files: readonly string[]; readonly isMade: boolean }> {
  const row = rowOf(manager, job);
  const wanted = [...new Set(Object.values(filesOf(job)).filter((file) => file !== null))];
  const numbered = events.map(({ level, code, message }, i) => ({ seq: i + 1, level, code, message }));
  const columns = Object.keys(row).join(', ');
  const [written] = await manager.query<{ files: string[]; isMade: boolean }[]>(
    `WITH file AS (
       SELECT file.id FROM stored_file file WHERE file.id = ANY($2) AND file.project_id = $3 AND ${fileIsThere} FOR SHARE),
     asked AS (SELECT count(*) = cardinality($2::text[]) AS is_sound FROM file),
     keyed AS (
       INSERT INTO idempotency_key (project_id, key, request_digest, status, body)
       SELECT $3, $6, $7, 200, $8::jsonb FROM asked WHERE is_sound AND $6::text IS NOT NULL
       ON CONFLICT DO NOTHING RETURNING key),
     made AS (
       INSERT INTO job (${columns})
       SELECT ${columns} FROM jsonb_populate_record(NULL::job, $1)
       WHERE (SELECT is_sound FROM asked) AND ($6::text IS NULL OR EXISTS (SELECT 1 FROM keyed))
       RETURNING id),
     told AS (
       INSERT INTO job_event (job_id, seq, level, code, message)
       SELECT made.id, seq, level, code, message
       FROM made, jsonb_to_recordset($4) AS event(seq int, level text, code text, message text)),
     queued AS (INSERT INTO outbox (job_id) SELECT id FROM made WHERE $5)
     SELECT (SELECT coalesce(json_agg(id), '[]') FROM file) AS files, EXISTS (SELECT 1 FROM made) AS "isMade"`,
    [
      JSON.stringify(row),
      wanted,
      job.projectId,
      JSON.stringify(numbered),
      isQueued,
      keyed?.key ?? null,
      keyed?.digest ?? null,
      keyed && JSON.stringify(keyed.body),
    ],
  );
  return written!;
}

/** The columns of a row with their values, as JSON has them. */
function rowOf(manager: EntityManager, job: Job): Record<string, unknown> {
  const { columns } = manager.connection.getMetadata(Job);
  return Object.fromEntries(
    columns.map(({ databaseName, propertyName }) => [databaseName, job[propertyName as keyof Job] ?? null]),
  );
}

function fileMissing(field: string, file: string): LowrankError {
  return new LowrankError('file_not_found', `${field}: there is no file ${file}`, {
    details: { field, file },
  });
}
