import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { parseConfiguration } from '#platform/config.js';
import { knownVariables } from './compose-problems.js';

const page = readFileSync(join(import.meta.dirname, '../../docs/operations.md'), 'utf8');

/** The rows of the table of variables: name and default. */
function rows(): Map<string, string> {
  const cells = page
    .split('\n')
    .map((line) => line.split('|').map((cell) => cell.trim().replaceAll('`', '')));
  const found = cells.filter(([, name]) => /^[A-Z][A-Z0-9_]+$/.test(name ?? ''));
  return new Map(found.map(([, name, value]) => [name!, value!]));
}

test('the page of operations has every variable that the program reads, and no other', () => {
  expect([...rows().keys()].toSorted()).toEqual([...knownVariables()].toSorted());
});

test('the page of operations has the defaults that the program takes', () => {
  const defaults = parseConfiguration({});
  const s3 = parseConfiguration({
    S3_ENDPOINT: 'http://localhost',
    S3_BUCKET: 'b',
    S3_ACCESS_KEY: 'a',
    S3_SECRET_KEY: 's',
  }).s3!;
  const mlflow = parseConfiguration({ MLFLOW_TRACKING_URI: 'http://localhost' }).trackers.mlflow!;
  expect(Object.fromEntries(rows())).toEqual({
    LOWRANK_HOME: defaults.home.replace(homedir(), '~'),
    HOST: defaults.host,
    PORT: String(defaults.port),
    LOWRANK_PATH_PREFIX: defaults.pathPrefix || 'none',
    LOWRANK_CORS_ORIGINS: defaults.corsOrigins.join() || 'none',
    LOWRANK_MODEL_ROOTS: defaults.modelRoots ?? 'see below',
    HF_ENDPOINT: defaults.hub.endpoint ?? 'none',
    HF_TOKEN: defaults.hub.token ?? 'none',
    HF_HOME: dirname(defaults.hub.cache).replace(homedir(), '~'),
    LOWRANK_HUB_ALLOW: defaults.hub.allow.join() || 'none',
    LOWRANK_HUB_ALLOW_TOKEN: defaults.hub.allowToken.join() || 'none',
    LOWRANK_HUB_ALLOW_PUSH: defaults.hub.allowPush.join() || 'none',
    MLFLOW_TRACKING_URI: defaults.trackers.mlflow ?? 'none',
    MLFLOW_TRACKING_TOKEN: 'none',
    MLFLOW_TRACKING_USERNAME: 'none',
    MLFLOW_TRACKING_PASSWORD: 'none',
    MLFLOW_EXPERIMENT_NAME: mlflow.experiment,
    MLFLOW_HTTP_REQUEST_TIMEOUT: String(mlflow.answerSeconds),
    DATABASE_URL: defaults.databaseUrl ?? 'none',
    REDIS_URL: defaults.redisUrl ?? 'none',
    S3_ENDPOINT: defaults.s3 ?? 'none',
    S3_BUCKET: 'none',
    S3_ACCESS_KEY: 'none',
    S3_SECRET_KEY: 'none',
    S3_REGION: s3.region,
    S3_PATH_STYLE: String(s3.pathStyle),
    LOG_LEVEL: defaults.logLevel,
    MAX_FILE_BYTES: String(defaults.maxFileBytes),
    MAX_UPLOAD_BYTES: String(defaults.maxUploadBytes),
    WORKER_MEASURES_SPEED: String(defaults.workerMeasuresSpeed),
    WEBHOOK_PRIVATE_ADDRESSES: String(defaults.webhookPrivateAddresses),
    GENERATION_QUEUE: String(defaults.generationQueue),
    GENERATION_MEMORY_BYTES: String(defaults.generationMemoryBytes),
    GENERATION_IDLE_SECONDS: String(defaults.generationIdleSeconds),
    GENERATION_CACHE_BYTES: String(defaults.generationCacheBytes),
    WORKER_HEARTBEAT_SECONDS: String(defaults.workerHeartbeatSeconds),
    WORKER_LOST_SECONDS: String(defaults.workerLostSeconds),
    SHUTDOWN_GRACE_SECONDS: String(defaults.shutdownGraceSeconds),
    WORKER_DEVICES: defaults.workerDevices,
    CUDA_FOLDER: defaults.cudaFolder.replace(homedir(), '~'),
  });
});
