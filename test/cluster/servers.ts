/** The servers of a cluster, started for tests: they fail, rather than leave tests out, when a program is missing. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { startTestPostgres, type TestPostgres } from '../embedded-postgres.js';
import { freePort, startServer, stopServer } from './processes.js';
import { type SignedS3, startSignedS3 } from './signed-s3.js';

export interface RedisServer {
  readonly url: string;
  /** Stops it, does something, and starts it again with what it had written. */
  restart(between?: () => Promise<void>): Promise<void>;
  close(): Promise<void>;
}

/** Starts redis-server as a cluster should run it: every write on disk, nothing evicted. */
export async function startRedis(): Promise<RedisServer> {
  const folder = await mkdtemp(path.join(tmpdir(), 'lowrank-redis-'));
  const port = await freePort();
  const settings = {
    port: String(port),
    bind: '127.0.0.1',
    dir: folder,
    appendonly: 'yes',
    save: '',
    'maxmemory-policy': 'noeviction',
    logfile: path.join(folder, 'log'),
  };
  const start = async () => {
    const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
    return startServer('redis-server', args, {
      port,
      fix: 'install Redis 7 or later, such as by "apt-get install redis-server"',
    });
  };
  let child = await start();
  return {
    url: `redis://127.0.0.1:${port}`,
    restart: async (between = async () => undefined) => {
      await stopServer(child);
      await between();
      child = await start();
    },
    close: async () => {
      await stopServer(child, 'SIGKILL');
      await rm(folder, { recursive: true, force: true });
    },
  };
}

export interface ClusterServers {
  readonly redis: RedisServer;
  readonly postgres: TestPostgres;
  readonly s3: SignedS3;
  /** Variables that lead a process of the service to them. */
  readonly environment: Readonly<Record<string, string>>;
  close(): Promise<void>;
}

export async function startCluster(): Promise<ClusterServers> {
  const [redis, s3, postgres] = await Promise.all([startRedis(), startSignedS3(), startTestPostgres()]);
  const { endpoint, bucket, accessKey, secretKey, region } = s3.configuration;
  return {
    redis,
    postgres,
    s3,
    environment: {
      DATABASE_URL: postgres.url,
      REDIS_URL: redis.url,
      S3_ENDPOINT: endpoint,
      S3_BUCKET: bucket,
      S3_ACCESS_KEY: accessKey,
      S3_SECRET_KEY: secretKey,
      S3_REGION: region,
      S3_PATH_STYLE: 'true',
    },
    close: async () => {
      await Promise.all([redis.close(), s3.close(), postgres.remove()]);
    },
  };
}
