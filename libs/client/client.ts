/** A client of the HTTP API, in Node and in browsers: typed by its contracts, tries again while a server restarts. */
import type { QueueObject, ReadinessObject, WorkerObject } from '#contracts/http/service.js';
import { AdaptersClient } from './adapters.js';
import { ClassificationsClient } from './classifications.js';
import { CompletionsClient } from './completions.js';
import { CompositionsClient } from './compositions.js';
import { Connection, type ConnectionOptions } from './connection.js';
import { download, type DownloadOptions } from './download.js';
import { PushesClient } from './pushes.js';
import { ExportsClient } from './exports.js';
import { FilesClient } from './files.js';
import { JobsClient } from './jobs.js';
import { ModelsClient } from './models.js';
import type { ReadOptions } from './pages.js';
import { ServiceClient } from './service.js';
import { SharesClient } from './shares.js';
import { WebhooksClient } from './webhooks.js';

export class LowrankClient {
  readonly files: FilesClient;
  readonly jobs: JobsClient;
  readonly models: ModelsClient;
  readonly adapters: AdaptersClient;
  readonly compositions: CompositionsClient;
  readonly exports: ExportsClient;
  readonly pushes: PushesClient;
  /** Links. */
  readonly shares: SharesClient;
  readonly webhooks: WebhooksClient;
  /** Answers of models. */
  readonly completions: CompletionsClient;
  /** Classes of texts. */
  readonly classifications: ClassificationsClient;
  private readonly connection: Connection;
  private readonly service: ServiceClient;

  constructor(options: ConnectionOptions) {
    this.connection = new Connection(options);
    this.service = new ServiceClient(this.connection);
    this.files = new FilesClient(this.connection);
    this.jobs = new JobsClient(this.connection);
    this.models = new ModelsClient(this.connection);
    this.adapters = new AdaptersClient(this.connection);
    this.compositions = new CompositionsClient(this.connection);
    this.exports = new ExportsClient(this.connection);
    this.pushes = new PushesClient(this.connection);
    this.shares = new SharesClient(this.connection);
    this.webhooks = new WebhooksClient(this.connection);
    this.completions = new CompletionsClient(this.connection);
    this.classifications = new ClassificationsClient(this.connection);
  }

  get url(): string {
    return this.connection.url;
  }

  async health(options: ReadOptions = {}): ReturnType<ServiceClient['health']> {
    return this.service.health(options);
  }

  /** Whether database, queue and store answer; ApiError 503 if one does not. */
  async ready(options: ReadOptions = {}): Promise<ReadinessObject> {
    return this.service.ready(options);
  }

  async workers(options: ReadOptions = {}): Promise<WorkerObject[]> {
    return this.service.workers(options);
  }

  async queue(options: ReadOptions = {}): Promise<QueueObject> {
    return this.service.queue(options);
  }

  /** A file by its path, such as `/v1/adapters/ID/archive`. Throws as `download` does. */
  download(path: string, options: DownloadOptions = {}): AsyncGenerator<Uint8Array> {
    return download(this.connection, path, options);
  }
}
