/** The connection to Postgres that holds the truth, as TypeORM sees it. */
import 'reflect-metadata';
import { DataSource } from 'typeorm';
import { Adapter } from '#platform/database/entities/adapter.js';
import { ApiKey } from '#platform/database/entities/api-key.js';
import { Attempt } from '#platform/database/entities/attempt.js';
import { BaseModel } from '#platform/database/entities/base-model.js';
import { CheckpointPermission } from '#platform/database/entities/checkpoint-permission.js';
import { Checkpoint } from '#platform/database/entities/checkpoint.js';
import { IdempotencyKey } from '#platform/database/entities/idempotency-key.js';
import { JobEvent } from '#platform/database/entities/job-event.js';
import { Job } from '#platform/database/entities/job.js';
import { Metric } from '#platform/database/entities/metric.js';
import { Outbox } from '#platform/database/entities/outbox.js';
import { Project } from '#platform/database/entities/project.js';
import { Registration } from '#platform/database/entities/registration.js';
import { Share } from '#platform/database/entities/share.js';
import { ShareAccess } from '#platform/database/entities/share-access.js';
import { StoredFile } from '#platform/database/entities/stored-file.js';
import { Task } from '#platform/database/entities/task.js';
import { Upload } from '#platform/database/entities/upload.js';
import { UploadPart } from '#platform/database/entities/upload-part.js';
import { TrackerRun } from '#platform/database/entities/tracker-run.js';
import { WebhookDelivery } from '#platform/database/entities/webhook-delivery.js';
import { Webhook } from '#platform/database/entities/webhook.js';
import { Worker } from '#platform/database/entities/worker.js';
import { migrations } from '#platform/database/migrations.js';
import { SnakeCaseNames } from '#platform/database/naming-strategy.js';

export const entities = [
  Adapter,
  ApiKey,
  Attempt,
  BaseModel,
  Checkpoint,
  CheckpointPermission,
  IdempotencyKey,
  Job,
  JobEvent,
  Metric,
  Outbox,
  Project,
  Registration,
  Share,
  ShareAccess,
  StoredFile,
  Task,
  Upload,
  UploadPart,
  Webhook,
  TrackerRun,
  WebhookDelivery,
  Worker,
];

/** What a connection must not do for longer than this, in milliseconds: a frozen process would hold its locks. */
const IDLE_IN_TRANSACTION_MS = 15_000;
const STATEMENT_MS = 60_000;
const CONNECT_MS = 5000;
/** Making a connection is work for both sides: those of a burst of requests stay for the next. */
const IDLE_MS = 10 * 60_000;

/** A data source that is not connected yet; `name` shows in Postgres's list of connections. */
export function createDataSource(url: string, name = 'lowrank', connections = 10): DataSource {
  return new DataSource({
    type: 'postgres',
    url,
    applicationName: name,
    entities,
    migrations,
    migrationsTableName: 'migration',
    namingStrategy: new SnakeCaseNames(),
    synchronize: false,
    logging: false,
    installExtensions: false,
    poolSize: connections,
    connectTimeoutMS: CONNECT_MS,
    poolErrorHandler: () => undefined,
    extra: {
      keepAlive: true,
      keepAliveInitialDelayMillis: 10_000,
      idleTimeoutMillis: IDLE_MS,
      statement_timeout: STATEMENT_MS,
      idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_MS,
    },
  });
}
