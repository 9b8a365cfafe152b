/**
 * The whole service as tests start it: embedded by default, on the servers that DATABASE_URL, REDIS_URL and S3_ENDPOINT
 * name if they are set. Each stack has a home, a database, a Redis database and a bucket of its own.
 */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { Client as S3Client } from 'minio';
import { Client as PostgresClient } from 'pg';
import { LowrankClient } from '#client/client.js';
import { type RunningStack, startStack } from '../../apps/cli/src/launcher/launcher.js';
import { LogPrinter } from '../../apps/cli/src/launcher/log-lines.js';
import { uploadFile } from '../../apps/cli/src/upload-file.js';
import type { JobCreate } from '#contracts/http/job-create.js';
import { startPostgresOf } from '../embedded-postgres.js';
import { writeTinyJob } from './tiny-job.js';

export interface TestStack extends RunningStack {
  readonly client: LowrankClient;
  /** What its processes wrote, a line each. */
  readonly lines: readonly string[];
  /** Environment of its processes: to start another on the same home, or a command. */
  readonly environment: NodeJS.ProcessEnv;
  /** Stops it and removes everything. */
  close(): Promise<void>;
}

export interface TestStackOptions {
  readonly workers?: number;
  readonly environment?: NodeJS.ProcessEnv;
  /** Fills the home before anything starts in it. */
  readonly prepare?: (home: string) => Promise<void>;
}

/** Variables of this process that the service may see: the test runner's own would change it. */
const inherited = ['PATH', 'HOME', 'TMPDIR', 'LANG', 'GLIBC_TUNABLES', 'LD_LIBRARY_PATH'];
const redisDatabases = 16;

export async function startTestStack(options: TestStackOptions = {}): Promise<TestStack> {
  const home = await mkdtemp(join(tmpdir(), 'lowrank-home-'));
  await options.prepare?.(home);
  const outside = await clusterParts();
  const lines: string[] = [];
  const log = new LogPrinter({ json: false, colour: false, write: (line) => lines.push(line) });
  const base: NodeJS.ProcessEnv = {
    ...Object.fromEntries(inherited.map((name) => [name, process.env[name]])),
    ...outside.environment,
    LOWRANK_HOME: home,
    PORT: '0',
    WORKER_MEASURES_SPEED: 'false',
    ...options.environment,
  };
  // Processes are killed here, never the machine.
  const startPostgres = (home: string) => startPostgresOf(home);
  let running: RunningStack;
  try {
    running = await startStack({
      environment: base,
      log,
      workers: options.workers,
      parts: { startPostgres },
    });
  } catch (error) {
    await rm(home, { recursive: true, force: true });
    await outside.remove();
    throw error;
  }
  const { url } = running;
  const environment = { ...base, PORT: new URL(url).port };
  return {
    url,
    home,
    lines,
    environment,
    client: new LowrankClient({ url }),
    pids: () => running.pids(),
    stop: (hurry) => running.stop(hurry),
    async close() {
      await running.stop();
      await rm(home, { recursive: true, force: true });
      await outside.remove();
    },
  };
}

/** Places of its own on the servers of a cluster. */
async function clusterParts(): Promise<{ environment: NodeJS.ProcessEnv; remove(): Promise<void> }> {
  const id = randomBytes(6).toString('hex');
  const parts = await Promise.all([ownDatabase(`lowrank_${id}`), ownRedis(), ownBucket(`lowrank-${id}`)]);
  return {
    environment: Object.assign({}, ...parts.map(({ environment }) => environment)) as NodeJS.ProcessEnv,
    async remove() {
      for (const part of parts) await part.remove();
    },
  };
}

const none = { environment: {}, remove: () => Promise.resolve() };

async function ownDatabase(name: string) {
  const url = process.env['DATABASE_URL'];
  if (!url) return none;
  const query = async (text: string) => {
    const client = new PostgresClient({ connectionString: url });
    await client.connect();
    await client.query(text);
    await client.end();
  };
  await query(`CREATE DATABASE ${name}`);
  const own = new URL(url);
  own.pathname = `/${name}`;
  return {
    environment: { DATABASE_URL: own.href },
    remove: () => query(`DROP DATABASE ${name} WITH (FORCE)`),
  };
}

/** Test files run one in each process of the pool, so its number is free. */
async function ownRedis() {
  const url = process.env['REDIS_URL'];
  if (!url) return none;
  const own = new URL(url);
  own.pathname = `/${Number(process.env['VITEST_POOL_ID'] ?? 0) % redisDatabases}`;
  const flush = async () => {
    const redis = new Redis(own.href);
    await redis.flushdb();
    redis.disconnect();
  };
  await flush();
  return { environment: { REDIS_URL: own.href }, remove: flush };
}

async function ownBucket(bucket: string) {
  const endpoint = process.env['S3_ENDPOINT'];
  if (!endpoint) return none;
  const { hostname, port, protocol } = new URL(endpoint);
  const region = process.env['S3_REGION'] ?? 'us-east-1';
  const accessKey = process.env['S3_ACCESS_KEY'] ?? '';
  const secretKey = process.env['S3_SECRET_KEY'] ?? '';
  const useSSL = protocol === 'https:';
  const client = new S3Client({
    endPoint: hostname,
    port: port ? Number(port) : useSSL ? 443 : 80,
    useSSL,
    accessKey,
    secretKey,
    region,
    pathStyle: process.env['S3_PATH_STYLE'] !== 'false',
  });
  await client.makeBucket(bucket, region);
  const settings = {
    S3_ENDPOINT: endpoint,
    S3_BUCKET: bucket,
    S3_ACCESS_KEY: accessKey,
    S3_SECRET_KEY: secretKey,
    S3_REGION: region,
    S3_PATH_STYLE: process.env['S3_PATH_STYLE'] ?? 'true',
  };
  return {
    environment: settings,
    async remove() {
      const objects = client.listObjectsV2(bucket, '', true) as AsyncIterable<{ name?: string }>;
      for await (const { name } of objects) if (name !== undefined) await client.removeObject(bucket, name);
      await client.removeBucket(bucket);
    },
  };
}

/** A base model with random weights on the server, its data uploaded, and a job of some twenty quick steps for them. */
export async function prepareTinyJob(
  { client, home }: Pick<TestStack, 'client' | 'home'>,
  name = 'tiny',
): Promise<JobCreate> {
  const folder = join(home, 'tiny');
  const { lora, training } = await writeTinyJob(folder);
  await client.models.add({ folder: join(folder, 'model'), name });
  const training_file = (await uploadFile(client, join(folder, 'train.jsonl'))).id;
  const validation_file = (await uploadFile(client, join(folder, 'validation.jsonl'))).id;
  const { seed, ...options } = training ?? {};
  return { model: name, training_file, validation_file, seed, lora, training: options };
}

/** The tiny job with so many steps that it is still running when something is done to it. */
export function longJob(job: JobCreate, steps = 100_000): JobCreate {
  return { ...job, training: { ...job.training, max_steps: steps, eval_steps: null, checkpoint_steps: 50 } };
}
