import { Inject, Injectable } from '@nestjs/common';
import { In } from 'typeorm';
import type { QueueObject, WorkerObject } from '#contracts/http/service.js';
import type { Caller } from '#jobs/api-keys.js';
import { Job } from '#platform/database/entities/job.js';
import { Worker } from '#platform/database/entities/worker.js';
import type { Platform } from '#platform/platform.js';
import { unixSeconds } from '../http/unix-seconds.js';
import { PLATFORM } from '../tokens.js';

const maxWorkers = 1000;
const maxNext = 100;

/** Who works, and what waits. */
@Injectable()
export class WorkersService {
  constructor(@Inject(PLATFORM) private readonly platform: Platform) {}

  async workers(projectId: string): Promise<{ object: 'list'; data: WorkerObject[] }> {
    const { manager } = this.platform.database;
    const workers = await manager.find(Worker, { order: { startedAt: 'DESC' }, take: maxWorkers });
    const running = await manager.find(Job, {
      select: { id: true, workerId: true },
      where: { projectId, state: 'running', workerId: In(workers.map(({ id }) => id)) },
    });
    const data = workers.map((worker) =>
      this.view(
        worker,
        running.filter(({ workerId }) => workerId === worker.id),
      ),
    );
    return { object: 'list', data };
  }

  /** Counts of the caller's project; of all projects for an administrator. */
  async queue({ projectId, role }: Pick<Caller, 'projectId' | 'role'>): Promise<QueueObject> {
    const { database, queue } = this.platform;
    const isAdmin = role === 'admin';
    const counted = await database.query<{ state: string; count: string }[]>(
      `SELECT state, count(*) AS count FROM job
       WHERE state IN ('validating_files', 'queued', 'running', 'paused') AND ($1::text IS NULL OR project_id = $1)
       GROUP BY state`,
      [isAdmin ? null : projectId],
    );
    const jobs = Object.fromEntries(counted.map(({ state, count }) => [state, Number(count)]));
    const next = await database.manager.find(Job, {
      select: { id: true },
      where: { projectId, state: 'queued' },
      order: { queuedAt: 'ASC', id: 'ASC' },
      take: maxNext,
    });
    // Entries of the queue name no project; each of a project's jobs has one at most.
    const entries = isAdmin
      ? await queue.counts()
      : { waiting: jobs['queued'] ?? 0, active: jobs['running'] ?? 0 };
    return {
      object: 'queue',
      jobs,
      waiting: entries.waiting,
      active: entries.active,
      next: next.map(({ id }) => id),
    };
  }

  private view(worker: Worker, jobs: readonly Pick<Job, 'id'>[]): WorkerObject {
    const silentSeconds = (Date.now() - worker.heartbeatAt.getTime()) / 1000;
    const isLost = silentSeconds > this.platform.configuration.workerLostSeconds;
    return {
      id: worker.id,
      object: 'worker',
      host: worker.host,
      pid: worker.pid,
      version: worker.version,
      devices: worker.devices,
      status: worker.stoppedAt !== null ? 'stopped' : isLost ? 'lost' : 'alive',
      started_at: unixSeconds(worker.startedAt),
      heartbeat_at: unixSeconds(worker.heartbeatAt),
      jobs: jobs.map(({ id }) => id),
    };
  }
}
