/** Removes what nothing needs any more: from the object store first what no row names, from the database what has expired. */
import { Adapter } from '#platform/database/entities/adapter.js';
import { Checkpoint } from '#platform/database/entities/checkpoint.js';
import { Job, terminalStates } from '#platform/database/entities/job.js';
import { Task } from '#platform/database/entities/task.js';
import type { ObjectStore } from '#platform/objects/object-store.js';
import type { DataSource } from 'typeorm';
import { groupedBy } from '#jobs/object-groups.js';
import type { Log } from '#jobs/parts.js';
import { sweepParts } from '#jobs/uploads.js';

export interface SweepParts {
  readonly database: DataSource;
  readonly objects: ObjectStore;
}

export interface SweepOptions {
  /** Hours after which an object that no row names, and that no job's attempt may be writing, is taken for left over. */
  readonly uploadHours?: number;
  /** Hours that the answer to an Idempotency-Key is kept. */
  readonly keyHours?: number;
  /** Hours that the row of something outlives its deletion: as long, a list can be read on after it. */
  readonly rowHours?: number;
}

/** What a sweep removed. */
export interface SweepReport {
  readonly objects: number;
  /** Deleted files whose bytes went. */
  readonly files: number;
  readonly adapters: number;
  /** Rows of what was deleted long ago. */
  readonly rows: number;
  readonly idempotencyKeys: number;
  readonly workers: number;
}

/** One sweep. Several at the same time, of several processes, do no harm. */
export async function sweep(
  parts: SweepParts,
  log: Log,
  { uploadHours = 24, keyHours = 24, rowHours = 7 * 24 }: SweepOptions = {},
): Promise<SweepReport> {
  const { database } = parts;
  await deleteExpiredFiles(database);
  const report = {
    ...(await freeDeleted(parts)),
    objects:
      (await sweepJobObjects(parts)) +
      (await sweepTaskObjects(parts)) +
      (await sweepUploads(parts, uploadHours)) +
      (await sweepParts(parts)),
    rows:
      (await deleteOlder(database, 'stored_file', 'content_deleted_at', rowHours)) +
      (await deleteOlder(database, 'upload', 'expires_at', rowHours)) +
      (await deleteOlder(database, 'upload_part', 'created_at', rowHours)) +
      (await deleteOlder(database, 'job', 'deleted_at', rowHours)) +
      (await deleteOlder(database, 'webhook', 'deleted_at', rowHours)) +
      (await deleteOlder(database, 'checkpoint_permission', 'deleted_at', rowHours)),
    idempotencyKeys: await deleteOlder(database, 'idempotency_key', 'created_at', keyHours),
    workers: await deleteOlder(database, 'worker', 'heartbeat_at', 7 * 24),
  };
  if (Object.values(report).some((count) => count > 0)) log.info({ ...report }, 'swept');
  return report;
}

/**
 * Removes the bytes of deleted files and adapters that nothing needs any more, of one or of all. Whoever makes a job holds
 * the rows of its files, so a job that is being made is seen here or does not find its file.
 */
export async function freeDeleted(
  parts: SweepParts,
  id: string | null = null,
): Promise<Pick<SweepReport, 'files' | 'adapters'>> {
  return { files: await freeDeletedFiles(parts, id), adapters: await freeDeletedAdapters(parts, id) };
}

async function deleteOlder(
  database: DataSource,
  table: string,
  column: string,
  hours: number,
): Promise<number> {
  const [, count] = await database.query<[unknown[], number]>(
    `DELETE FROM ${table} WHERE ${column} < now() - make_interval(hours => $1)`,
    [hours],
  );
  return count;
}

const unfinished = `job.state NOT IN (${terminalStates.map((state) => `'${state}'`).join(', ')})`;
/** A task that needs the bytes of its members. */
const liveTask = "task.state IN ('queued', 'running')";

/** A file that has expired was deleted at that moment. */
async function deleteExpiredFiles(database: DataSource): Promise<void> {
  await database.query(
    'UPDATE stored_file SET deleted_at = expires_at WHERE expires_at <= now() AND deleted_at IS NULL',
  );
}

/** The row is marked first: an object that no row names is found again, a row without its object would be an error. */
async function freeDeletedFiles({ database, objects }: SweepParts, id: string | null): Promise<number> {
  const [rows] = await database.query<[{ object_key: string | null }[], number]>(
    `UPDATE stored_file SET content_deleted_at = now(), content = NULL
     WHERE deleted_at <= now() AND content_deleted_at IS NULL AND ($1::text IS NULL OR id = $1) AND NOT EXISTS
       (SELECT 1 FROM job WHERE ${unfinished}
        AND (job.training_file_id = stored_file.id OR job.validation_file_id = stored_file.id))
     RETURNING object_key`,
    [id],
  );
  for (const { object_key: key } of rows) if (key !== null) await objects.delete(key);
  return rows.length;
}

/** The row stays, so that jobs can still say what they made; only its bytes go. */
async function freeDeletedAdapters({ database, objects }: SweepParts, id: string | null): Promise<number> {
  const adapters = await database.manager
    .createQueryBuilder(Adapter, 'adapter')
    .where('adapter.deletedAt <= now() AND (:id::text IS NULL OR adapter.id = :id)', { id })
    .andWhere("adapter.files <> '[]'::jsonb")
    .andWhere(`NOT EXISTS (SELECT 1 FROM job WHERE ${unfinished} AND job.init_adapter_id = adapter.id)`)
    .andWhere(`NOT EXISTS (SELECT 1 FROM task WHERE ${liveTask} AND task.input_ids ? adapter.id)`)
    .getMany();
  for (const { id, files } of adapters) {
    await database.manager.update(Adapter, { id }, { files: [] });
    for (const { key } of files) await objects.delete(key);
  }
  return adapters.length;
}

/** Objects of attempts that are over and that no row names: of uploads that were cut off, or lost a race. */
async function sweepJobObjects({ database, objects }: SweepParts): Promise<number> {
  let count = 0;
  for await (const group of groupedBy(objects.list('jobs/'), ({ key }) => key.split('/')[1] ?? '')) {
    const jobId = group[0].key.split('/')[1] ?? '';
    // The job first: whatever its attempt adds later is an object of an attempt that is left alone.
    const job = await database.manager.findOneBy(Job, { id: jobId });
    const named = await namedObjects(database, jobId);
    for (const { key } of group) {
      const attempt = /^jobs\/[^/]+\/attempts\/(\d+)\//.exec(key)?.[1];
      const isLive = job?.state === 'running' && Number(attempt) === job.attempt;
      if (named.has(key) || isLive) continue;
      await objects.delete(key);
      count++;
    }
  }
  return count;
}

/** Objects of attempts of tasks that are over and that neither the task nor its adapter names, and of deleted tasks. */
async function sweepTaskObjects({ database, objects }: SweepParts): Promise<number> {
  let count = 0;
  for await (const group of groupedBy(objects.list('tasks/'), ({ key }) => key.split('/')[1] ?? '')) {
    const taskId = group[0].key.split('/')[1] ?? '';
    const task = await database.manager.findOneBy(Task, { id: taskId });
    const adapters = await database.manager.findBy(Adapter, { taskId });
    const files = [
      ...(task?.deletedAt === null ? (task.files ?? []) : []),
      ...adapters.flatMap((one) => one.files),
    ];
    const named = new Set(files.map(({ key }) => key));
    for (const { key } of group) {
      const attempt = /^tasks\/[^/]+\/attempts\/(\d+)\//.exec(key)?.[1];
      const isLive = task?.state === 'running' && Number(attempt) === task.attempt;
      if (named.has(key) || isLive) continue;
      await objects.delete(key);
      count++;
    }
  }
  return count;
}

async function namedObjects(database: DataSource, jobId: string): Promise<Set<string>> {
  const checkpoints = await database.manager.findBy(Checkpoint, { jobId });
  const adapters = await database.manager.findBy(Adapter, { jobId });
  return new Set([...checkpoints, ...adapters].flatMap(({ files }) => files.map(({ key }) => key)));
}

/** Objects of files and imported adapters whose upload was never finished. */
async function sweepUploads({ database, objects }: SweepParts, hours: number): Promise<number> {
  let count = 0;
  const owners = {
    'files/': 'SELECT 1 FROM stored_file WHERE id = $1 AND content_deleted_at IS NULL',
    'adapters/': 'SELECT 1 FROM adapter WHERE id = $1',
  };
  for (const [prefix, owner] of Object.entries(owners)) {
    for await (const group of groupedBy(objects.list(prefix), ({ key }) => key.split('/')[1] ?? '')) {
      const id = group[0].key.split('/')[1] ?? '';
      const newest = Math.max(...group.map(({ modifiedAt }) => modifiedAt.getTime()));
      if (newest > Date.now() - 3_600_000 * hours) continue;
      const rows = await database.query<unknown[]>(owner, [id]);
      if (rows.length > 0) continue;
      for (const { key } of group) await objects.delete(key);
      count += group.length;
    }
  }
  return count;
}
