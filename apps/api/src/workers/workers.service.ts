import { Inject, Injectable } from '@nestjs/common';
import { In } from 'typeorm';
import type { QueueObject, WorkerObject } from '#contracts/http/service.js';
import { Job } from '#platform/database/entities/job.js';
import { Worker } from '#platform/database/entities/worker.js';
import type { Platform } from '#platform/platform.js';
import { unixSeconds } from '../http/unix-seconds.js';
import { PLATFORM } from '../tokens.js';

const mostWorkers = 1000;
const mostNext = 100;

/** Who works, and what waits. */
@Injectable()
export class WorkersService {
  constructor(@Inject(PLATFORM) private readonly platform: Platform) {}

  async workers(projectId: string): Promise<{ object: 'list'; data: WorkerObject[] }> {
    const { manager } = this.platform.database;
    const workers = await manager.find(Worker, { order: { startedAt: 'DESC' }, take: mostWorkers });
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

  async queue(projectId: string): Promise<QueueObject> {
    const { database, queue } = this.platform;
    const counted = await database.query<{ state: string; count: string }[]>(
      `SELECT state, count(*) AS count FROM job WHERE state IN ('validating_files', 'queued', 'running', 'paused') GROUP BY state`,
    );
    const next = await database.manager.find(Job, {
      select: { id: true },
      where: { projectId, state: 'queued' },
      order: { queuedAt: 'ASC', id: 'ASC' },
      take: mostNext,
    });
    const { waiting, active } = await queue.counts();
    return {
      object: 'queue',
      jobs: Object.fromEntries(counted.map(({ state, count }) => [state, Number(count)])),
      waiting,
      active,
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
