/** A client of the HTTP API: typed by its contracts, patient with a server that starts or restarts. */
import {
  healthObject,
  type QueueObject,
  queueObject,
  type ReadinessObject,
  readinessObject,
  type WorkerObject,
  workerList,
} from '#contracts/http/service.js';
import { AdaptersClient } from './adapters.js';
import { CompositionsClient } from './compositions.js';
import { Connection, type ConnectionOptions } from './connection.js';
import { ExportDownloads } from './export-downloads.js';
import { FilesClient } from './files.js';
import { JobsClient } from './jobs.js';
import { ModelsClient } from './models.js';
import { SharesClient } from './shares.js';

export class LowrankClient {
  readonly files: FilesClient;
  readonly jobs: JobsClient;
  readonly models: ModelsClient;
  readonly adapters: AdaptersClient;
  /** Compositions and exports. */
  readonly compositions: CompositionsClient;
  /** Links. */
  readonly shares: SharesClient;
  readonly exportDownloads: ExportDownloads;
  private readonly connection: Connection;

  constructor(options: ConnectionOptions) {
    this.connection = new Connection(options);
    this.files = new FilesClient(this.connection);
    this.jobs = new JobsClient(this.connection);
    this.models = new ModelsClient(this.connection);
    this.adapters = new AdaptersClient(this.connection);
    this.compositions = new CompositionsClient(this.connection);
    this.shares = new SharesClient(this.connection);
    this.exportDownloads = new ExportDownloads(this.connection);
  }

  get url(): string {
    return this.connection.url;
  }

  async health(): Promise<{ status: 'ok'; version: string; uptime_seconds: number }> {
    return this.connection.json('GET', '/health', healthObject);
  }

  /** Whether database, queue and store answer; ApiError 503 if one does not. */
  async ready(): Promise<ReadinessObject> {
    return this.connection.json('GET', '/ready', readinessObject);
  }

  async workers(): Promise<WorkerObject[]> {
    const { data } = await this.connection.json('GET', '/v1/workers', workerList);
    return data;
  }

  async queue(): Promise<QueueObject> {
    return this.connection.json('GET', '/v1/queue', queueObject);
  }
}
