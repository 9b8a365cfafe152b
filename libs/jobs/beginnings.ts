/** What is read and written when jobs are made: a statement each, for as many jobs as are made at the same time. */
import type { DataSource, EntityManager } from 'typeorm';
import { gathered } from '#base/gather.js';
import type { IdempotentRequest } from '#jobs/idempotency.js';
import { Placement, type WorkerRow } from '#jobs/placement.js';
import { fileIsThere } from '#jobs/stored-files.js';
import type { NewEvent } from '#jobs/transitions.js';
import { inLine } from '#jobs/waiting.js';
import { Job } from '#platform/database/entities/job.js';

/** How things stand when a job is made. */
export interface Standing {
  /** By the clock of the database. */
  readonly now: Date;
  /** Jobs that wait for their turn. */
  readonly ahead: number;
  readonly placement: Placement;
}

/** A job and what begins with it. */
export interface Beginning {
  readonly job: Job;
  readonly events: readonly NewEvent[];
  readonly isQueued: boolean;
  /** Types of the trackers whose servers are told of it. */
  readonly trackers: readonly string[];
  /** The answer to be kept; null for a request without a key. */
  readonly keyed: (IdempotentRequest & { readonly body: Record<string, unknown> }) | null;
}

export interface Begun {
  /** Those of the job's files that are there. */
  readonly files: readonly string[];
  readonly isMade: boolean;
}

export interface Beginnings {
  readStanding(): Promise<Standing>;
  /**
   * Writes the row, its events, its entry in the outbox and the answer to its key: all of them, or nothing if a file is
   * gone or the key has an answer. The rows of the files are held until they are written. Of requests with one key at the
   * same time, one writes and the others wait for it.
   */
  write(beginning: Beginning): Promise<Begun>;
}

/** In the transaction of a manager. */
export function beginningsWithin(manager: EntityManager, lostSeconds: number): Beginnings {
  return {
    readStanding: () => readStanding(manager, lostSeconds),
    write: async (beginning) => (await write(manager, [beginning]))[0]!,
  };
}

/** In transactions of their own, each of as many as come together. */
export function gatheredBeginnings({ manager }: DataSource, lostSeconds: number): Beginnings {
  const standing = gathered(async (asked: readonly undefined[]) => {
    const found = await readStanding(manager, lostSeconds);
    return asked.map(() => found);
  });
  return {
    readStanding: () => standing(undefined),
    write: gathered((beginnings) => write(manager, beginnings)),
  };
}

/** The files that a job needs, by the fields that name them. */
export const filesOf = ({
  trainingFileId,
  validationFileId,
}: Job): Readonly<Record<'training_file' | 'validation_file', string | null>> => ({
  training_file: trainingFileId,
  validation_file: validationFileId,
});

async function readStanding(manager: EntityManager, lostSeconds: number): Promise<Standing> {
  const [row] = await manager.query<{ now: Date; ahead: number; workers: WorkerRow[] }[]>(
    `SELECT now() AS now, (SELECT count(*)::int FROM job WHERE ${inLine('job')}) AS ahead,
       (SELECT coalesce(json_agg(alive), '[]') FROM (${Placement.query}) alive) AS workers`,
    [lostSeconds],
  );
  const { now, ahead, workers } = row!;
  return { now, ahead, placement: Placement.of(workers) };
}

async function write(manager: EntityManager, beginnings: readonly Beginning[]): Promise<readonly Begun[]> {
  const { columns: all } = manager.connection.getMetadata(Job);
  const columns = all.map(({ databaseName }) => databaseName).join(', ');
  const asked = beginnings.map(({ job, events, isQueued, trackers, keyed }) => ({
    id: job.id,
    project: job.projectId,
    job: Object.fromEntries(
      all.map(({ databaseName, propertyName }) => [databaseName, job[propertyName as keyof Job]]),
    ),
    files: Object.values(filesOf(job)).filter((file) => file !== null),
    events: events.map(({ level, code, message }, i) => ({ seq: i + 1, level, code, message })),
    is_queued: isQueued,
    trackers,
    key: keyed?.key ?? null,
    digest: keyed?.digest ?? null,
    body: keyed?.body ?? null,
  }));
  const written = await manager.query<({ id: string } & Begun)[]>(
    `WITH asked AS MATERIALIZED (
       SELECT * FROM jsonb_to_recordset($1) AS asked(id text, project text, job jsonb, files text[], events jsonb,
         is_queued boolean, trackers text[], key text, digest text, body jsonb)),
     there AS MATERIALIZED (
       SELECT file.id, file.project_id AS project FROM stored_file file
       WHERE file.id IN (SELECT unnest(files) FROM asked) AND ${fileIsThere} ORDER BY file.id FOR SHARE),
     found AS MATERIALIZED (
       SELECT asked.id,
         ARRAY(SELECT there.id FROM there WHERE there.id = ANY (files) AND there.project = asked.project) AS files
       FROM asked),
     sound AS MATERIALIZED (
       -- The first of those with the same key. In this order, two statements never wait for each other.
       SELECT DISTINCT ON (project, key IS NULL, coalesce(key, asked.id)) asked.*
       FROM asked JOIN found USING (id) WHERE asked.files <@ found.files
       ORDER BY project, key IS NULL, coalesce(key, asked.id)),
     keyed AS (
       INSERT INTO idempotency_key (project_id, key, request_digest, status, body)
       SELECT project, key, digest, 200, body FROM sound WHERE key IS NOT NULL
       ON CONFLICT DO NOTHING RETURNING project_id AS project, key),
     made AS (
       INSERT INTO job (${columns})
       SELECT ${columns.replaceAll(/\w+/g, (column) => `entry.${column}`)}
       FROM sound LEFT JOIN keyed USING (project, key), jsonb_populate_record(NULL::job, sound.job) AS entry
       WHERE sound.key IS NULL OR keyed.key IS NOT NULL
       RETURNING id),
     told AS (
       INSERT INTO job_event (job_id, seq, level, code, message)
       SELECT made.id, seq, level, code, message FROM made JOIN sound USING (id),
         jsonb_to_recordset(sound.events) AS event(seq int, level text, code text, message text)),
     tracked AS (
       INSERT INTO tracker_run (job_id, tracker) SELECT made.id, unnest(trackers) FROM made JOIN sound USING (id)),
     queued AS (INSERT INTO outbox (job_id) SELECT made.id FROM made JOIN sound USING (id) WHERE is_queued)
     SELECT found.id, found.files, made.id IS NOT NULL AS "isMade" FROM found LEFT JOIN made USING (id)`,
    [JSON.stringify(asked)],
  );
  const byId = new Map(written.map((row) => [row.id, row]));
  return beginnings.map(({ job }) => byId.get(job.id)!);
}
