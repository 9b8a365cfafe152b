/** What a server says of itself. */
import {
  healthObject,
  type QueueObject,
  queueObject,
  type ReadinessObject,
  readinessObject,
  type WorkerObject,
  workerList,
} from '#contracts/http/service.js';
import type { Connection } from './connection.js';
import type { ReadOptions } from './pages.js';

export class ServiceClient {
  constructor(private readonly connection: Connection) {}

  async health(
    options: ReadOptions = {},
  ): Promise<{ status: 'ok'; version: string; uptime_seconds: number }> {
    return this.connection.json('GET', '/health', healthObject, options);
  }

  /** Whether database, queue and store answer; ApiError 503 if one does not. */
  async ready(options: ReadOptions = {}): Promise<ReadinessObject> {
    return this.connection.json('GET', '/ready', readinessObject, options);
  }

  async workers(options: ReadOptions = {}): Promise<WorkerObject[]> {
    const { data } = await this.connection.json('GET', '/v1/workers', workerList, options);
    return data;
  }

  async queue(options: ReadOptions = {}): Promise<QueueObject> {
    return this.connection.json('GET', '/v1/queue', queueObject, options);
  }
}
