/** What a process is told by its environment: read once, checked as a whole. */
import { homedir } from 'node:os';
import path from 'node:path';
import type { TrackerConfiguration } from '#trackers/registry.js';
import { Variables } from '#platform/variables.js';

export const logLevels = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
export type LogLevel = (typeof logLevels)[number];

/** An S3 API and the bucket in it. */
export interface S3Configuration {
  readonly endpoint: string;
  readonly bucket: string;
  readonly accessKey: string;
  readonly secretKey: string;
  readonly region: string;
  /** Whether the bucket stands in the path (`HOST/BUCKET/KEY`) rather than in the host's name. */
  readonly pathStyle: boolean;
}

/** The hub that base models are fetched from by name, and where they lie. */
export interface HubConfiguration {
  /** Null for the public one. */
  readonly endpoint: string | null;
  readonly token: string | null;
  /** Its folder of downloads, an absolute path. */
  readonly cache: string;
  /** Patterns of names that jobs of project keys may fetch: `OWNER/NAME`, with `*` for any part. */
  readonly allow: readonly string[];
  /** Patterns of names for which the token is used when a project key asks. */
  readonly allowToken: readonly string[];
  /** Patterns of repositories that project keys may push adapters to. */
  readonly allowPush: readonly string[];
}

export interface Configuration {
  /** LOWRANK_HOME, an absolute path. */
  readonly home: string;
  /** Of the libraries of CUDA, an absolute path: `cuda` in the home unless CUDA_FOLDER is set. */
  readonly cudaFolder: string;
  readonly host: string;
  /** 0 for any free one. */
  readonly port: number;
  /** Where a proxy shows the API on its host, such as `/lowrank`; empty for its root. */
  readonly pathPrefix: string;
  /** Origins of web pages that may use the API, such as `https://app.example.com`; `*` for all that have a key. */
  readonly corsOrigins: readonly string[];
  /** Folders under which base models may be registered; null for the default (apps/api/src/models/model-roots.ts). */
  readonly modelRoots: readonly string[] | null;
  readonly hub: HubConfiguration;
  /** Servers of experiment trackers that jobs are told to. */
  readonly trackers: TrackerConfiguration;
  /** Null for the Postgres that the launcher keeps in `home`. */
  readonly databaseUrl: string | null;
  /** Null for the queue in Postgres. */
  readonly redisUrl: string | null;
  /** Null for a folder in `home`. */
  readonly s3: S3Configuration | null;
  readonly logLevel: LogLevel;
  /** Of a file in one request. */
  readonly maxFileBytes: number;
  /** Of a file in parts. */
  readonly maxUploadBytes: number;
  /** Whether webhooks may reach this machine and its network. */
  readonly webhookPrivateAddresses: boolean;
  /** Prompts that may wait for an answer. */
  readonly generationQueue: number;
  /** Of the memory of the process that answers prompts, beyond which it lets models go. */
  readonly generationMemoryBytes: number;
  /** Seconds without a prompt after which that process ends. */
  readonly generationIdleSeconds: number;
  /** Of the adapters that were fetched to answer prompts. */
  readonly generationCacheBytes: number;
  readonly workerHeartbeatSeconds: number;
  readonly workerLostSeconds: number;
  readonly shutdownGraceSeconds: number;
  /** Names of devices, or `auto` for all that work. */
  readonly workerDevices: 'auto' | readonly string[];
  /** Whether a worker measures how fast its machine trains, once for each version of the engine. */
  readonly workerMeasuresSpeed: boolean;
}

/**
 * Reads the configuration of a process.
 *
 * Throws one LowrankError `configuration` that lists every problem by the name of its variable; values, which may be
 * secrets, are never shown.
 */
export function parseConfiguration(env: Readonly<Record<string, string | undefined>>): Configuration {
  const variables = new Variables(env);
  const home = path.resolve(expanded(variables.text('LOWRANK_HOME') ?? '~/.lowrank'));
  const heartbeat = variables.number('WORKER_HEARTBEAT_SECONDS', 5, { min: 0.1, max: 600 });
  const configuration: Configuration = {
    home,
    cudaFolder: path.resolve(expanded(variables.text('CUDA_FOLDER') ?? path.join(home, 'cuda'))),
    host: variables.text('HOST') ?? '127.0.0.1',
    port: variables.number('PORT', 8010, { min: 0, max: 65_535, whole: true }),
    pathPrefix: variables.pathPrefix('LOWRANK_PATH_PREFIX'),
    corsOrigins: variables.origins('LOWRANK_CORS_ORIGINS'),
    modelRoots: variables.folders('LOWRANK_MODEL_ROOTS'),
    hub: hubConfiguration(variables),
    trackers: { mlflow: mlflowConfiguration(variables) },
    databaseUrl: variables.url('DATABASE_URL', ['postgres:', 'postgresql:']),
    redisUrl: variables.url('REDIS_URL', ['redis:', 'rediss:']),
    s3: s3Configuration(variables),
    logLevel: variables.oneOf('LOG_LEVEL', logLevels, 'info'),
    maxFileBytes: variables.number('MAX_FILE_BYTES', 2 ** 30, { min: 1, max: 2 ** 50, whole: true }),
    maxUploadBytes: variables.number('MAX_UPLOAD_BYTES', 2 ** 33, { min: 1, max: 2 ** 50, whole: true }),
    webhookPrivateAddresses:
      variables.oneOf('WEBHOOK_PRIVATE_ADDRESSES', ['true', 'false'], 'false') === 'true',
    generationQueue: variables.number('GENERATION_QUEUE', 32, { min: 0, max: 10_000, whole: true }),
    generationMemoryBytes: variables.number('GENERATION_MEMORY_BYTES', 2 ** 31, {
      min: 0,
      max: 2 ** 50,
      whole: true,
    }),
    generationIdleSeconds: variables.number('GENERATION_IDLE_SECONDS', 300, { min: 0, max: 1e6 }),
    generationCacheBytes: variables.number('GENERATION_CACHE_BYTES', 2 ** 32, {
      min: 0,
      max: 2 ** 50,
      whole: true,
    }),
    workerHeartbeatSeconds: heartbeat,
    workerLostSeconds: variables.number('WORKER_LOST_SECONDS', 20, { min: 0.2, max: 3600 }),
    shutdownGraceSeconds: variables.number('SHUTDOWN_GRACE_SECONDS', 30, { min: 1, max: 3600 }),
    workerDevices: variables.list('WORKER_DEVICES') ?? 'auto',
    workerMeasuresSpeed: variables.oneOf('WORKER_MEASURES_SPEED', ['true', 'false'], 'true') === 'true',
  };
  if (configuration.workerLostSeconds < 2 * heartbeat) {
    variables.problem('WORKER_LOST_SECONDS', 'must be at least twice WORKER_HEARTBEAT_SECONDS');
  }
  variables.throwProblems();
  return configuration;
}

/** A path with the home of the account in place of `~`. */
function expanded(file: string): string {
  return file.replace(/^~(?=\/|$)/, homedir());
}

/** Whether only this machine can reach a server that listens on this address. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}

/** By the variables of Hugging Face's own programs, so that all of them share one folder. */
function hubConfiguration(variables: Variables): HubConfiguration {
  const home = variables.text('HF_HOME') ?? '~/.cache/huggingface';
  return {
    endpoint: variables.url('HF_ENDPOINT', ['http:', 'https:'])?.replace(/\/+$/, '') ?? null,
    token: variables.text('HF_TOKEN'),
    cache: path.join(path.resolve(expanded(home)), 'hub'),
    allow: variables.patterns('LOWRANK_HUB_ALLOW'),
    allowToken: variables.patterns('LOWRANK_HUB_ALLOW_TOKEN'),
    allowPush: variables.patterns('LOWRANK_HUB_ALLOW_PUSH'),
  };
}

/** By the variables of MLflow's own clients. */
function mlflowConfiguration(variables: Variables): TrackerConfiguration['mlflow'] {
  const written = variables.url('MLFLOW_TRACKING_URI', ['http:', 'https:']);
  const token = variables.text('MLFLOW_TRACKING_TOKEN');
  const username = variables.text('MLFLOW_TRACKING_USERNAME');
  const password = variables.text('MLFLOW_TRACKING_PASSWORD');
  const experiment = variables.text('MLFLOW_EXPERIMENT_NAME') ?? 'lowrank';
  const answerSeconds = variables.number('MLFLOW_HTTP_REQUEST_TIMEOUT', 10, { min: 0.1, max: 30 });
  if (written === null) return null;
  const uri = new URL(written);
  const user = username ?? decodeURIComponent(uri.username);
  const secret = password ?? decodeURIComponent(uri.password);
  Object.assign(uri, { username: '', password: '', search: '', hash: '' });
  const basic = user === '' ? null : `Basic ${Buffer.from(`${user}:${secret}`).toString('base64')}`;
  return {
    uri: uri.href.replace(/\/+$/, ''),
    authorization: token === null ? basic : `Bearer ${token}`,
    experiment,
    answerSeconds,
  };
}

function s3Configuration(variables: Variables): S3Configuration | null {
  const endpoint = variables.url('S3_ENDPOINT', ['http:', 'https:']);
  const bucket = variables.text('S3_BUCKET');
  const accessKey = variables.text('S3_ACCESS_KEY');
  const secretKey = variables.text('S3_SECRET_KEY');
  const region = variables.text('S3_REGION') ?? 'us-east-1';
  const pathStyle = variables.oneOf('S3_PATH_STYLE', ['true', 'false'], 'true') === 'true';
  const required = { S3_BUCKET: bucket, S3_ACCESS_KEY: accessKey, S3_SECRET_KEY: secretKey };
  if (!variables.isSet('S3_ENDPOINT')) {
    for (const [name, value] of Object.entries(required)) {
      if (value !== null)
        variables.problem(name, 'has no effect without S3_ENDPOINT: set that too, or unset this');
    }
    return null;
  }
  for (const [name, value] of Object.entries(required)) {
    if (value === null) variables.problem(name, 'must be set together with S3_ENDPOINT');
  }
  if (endpoint !== null && new URL(endpoint).pathname !== '/') {
    variables.problem('S3_ENDPOINT', 'must be a host without a path; the bucket goes into S3_BUCKET');
  }
  if (endpoint === null || bucket === null || accessKey === null || secretKey === null) return null;
  return { endpoint, bucket, accessKey, secretKey, region, pathStyle };
}
