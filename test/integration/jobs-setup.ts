/** A database for tests of libs/jobs, and what jobs need around them. */
import type { DataSource } from 'typeorm';
import type { NewJob } from '#jobs/new-job.js';
import { JobStore } from '#jobs/job-store.js';
import type { Log, QueueParts } from '#jobs/parts.js';
import { createDataSource } from '#platform/database/data-source.js';
import { JobEvent } from '#platform/database/entities/job-event.js';
import { Job } from '#platform/database/entities/job.js';
import { Outbox } from '#platform/database/entities/outbox.js';
import { StoredFile } from '#platform/database/entities/stored-file.js';
import { migrate } from '#platform/database/migrate.js';
import { newId } from '#platform/ids.js';
import type { JobQueue } from '#platform/queue/job-queue.js';
import { startTestPostgres, type TestPostgres } from '../embedded-postgres.js';

export const project = 'default';

/** A queue that only remembers; adding fails as often as `failures` says. */
export class MemoryQueue implements JobQueue {
  readonly ids: string[] = [];
  /** How often something was added. */
  calls = 0;
  failures = 0;

  add(...jobIds: readonly string[]): Promise<void> {
    if (this.failures > 0) {
      this.failures--;
      return Promise.reject(new Error('the queue is away'));
    }
    this.calls++;
    this.ids.push(...jobIds);
    return Promise.resolve();
  }

  remove(jobId: string): Promise<boolean> {
    const index = this.ids.indexOf(jobId);
    if (index >= 0) this.ids.splice(index, 1);
    return Promise.resolve(index >= 0);
  }

  waiting(limit: number): Promise<string[]> {
    return Promise.resolve(this.ids.slice(0, limit));
  }

  counts(): Promise<{ waiting: number; active: number }> {
    return Promise.resolve({ waiting: this.ids.length, active: 0 });
  }

  consume(): never {
    throw new Error('nobody consumes in these tests');
  }

  ping(): Promise<void> {
    return Promise.resolve();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

export const silentLog: Log = { info: () => {}, warn: () => {}, error: () => {} };

export class JobsDatabase {
  readonly queue = new MemoryQueue();
  readonly store: JobStore;
  /** Notifications in the order in which they were sent, committed or not. */
  readonly sent: string[] = [];

  private constructor(
    readonly postgres: TestPostgres,
    readonly database: DataSource,
  ) {
    this.store = new JobStore(this.parts);
  }

  static async start(): Promise<JobsDatabase> {
    const postgres = await startTestPostgres();
    const database = await createDataSource(postgres.url, 'test', 20).initialize();
    await migrate(database);
    return new JobsDatabase(postgres, database);
  }

  get parts(): QueueParts {
    return {
      database: this.database,
      queue: this.queue,
      notifications: {
        notify: async (manager, channel, payload) => {
          this.sent.push(`${channel} ${payload}`);
          await manager.query('SELECT pg_notify($1, $2)', [channel, payload]);
        },
      },
    };
  }

  async file(changes: Partial<StoredFile> = {}): Promise<string> {
    const id = newId('file');
    await this.database.manager.insert(StoredFile, {
      id,
      projectId: project,
      filename: 'train.jsonl',
      purpose: 'fine-tune',
      bytes: 10,
      sha256: '0'.repeat(64),
      objectKey: `files/${id}/train.jsonl`,
      ...changes,
    } as never);
    return id;
  }

  async newJob(changes: Partial<NewJob> = {}): Promise<NewJob> {
    return {
      model: 'tiny',
      baseIdentity: `sha256:${'0'.repeat(64)}`,
      trainingFileId: changes.trainingFileId ?? (await this.file()),
      validationFileId: null,
      initAdapterId: null,
      lora: null,
      training: {},
      device: 'auto',
      suffix: null,
      metadata: null,
      seed: 42,
      ...changes,
    };
  }

  async create(changes: Partial<NewJob> = {}): Promise<Job> {
    return (await this.store.createJob(project, await this.newJob(changes))).job;
  }

  read(jobId: string): Promise<Job> {
    return this.database.manager.findOneByOrFail(Job, { id: jobId });
  }

  events(jobId: string): Promise<JobEvent[]> {
    return this.database.manager.find(JobEvent, { where: { jobId }, order: { seq: 'ASC' } });
  }

  outbox(jobId: string): Promise<number> {
    return this.database.manager.countBy(Outbox, { jobId });
  }

  async close(): Promise<void> {
    await this.database.destroy();
    await this.postgres.remove();
  }
}
