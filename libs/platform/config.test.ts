import { homedir } from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { isLoopback, parseConfiguration } from '#platform/config.js';

test('nothing set means a server for this machine alone', () => {
  expect(parseConfiguration({})).toEqual({
    home: path.join(homedir(), '.lowrank'),
    cudaFolder: path.join(homedir(), '.lowrank/cuda'),
    host: '127.0.0.1',
    port: 8010,
    pathPrefix: '',
    corsOrigins: [],
    modelRoots: null,
    hub: {
      endpoint: null,
      token: null,
      cache: path.join(homedir(), '.cache/huggingface/hub'),
      allow: [],
      allowToken: [],
      allowPush: [],
    },
    trackers: { mlflow: null },
    databaseUrl: null,
    redisUrl: null,
    s3: null,
    logLevel: 'info',
    maxFileBytes: 2 ** 30,
    maxUploadBytes: 2 ** 33,
    webhookPrivateAddresses: false,
    generationQueue: 32,
    generationMemoryBytes: 2 ** 31,
    generationIdleSeconds: 300,
    generationCacheBytes: 2 ** 32,
    workerHeartbeatSeconds: 5,
    workerLostSeconds: 20,
    shutdownGraceSeconds: 30,
    workerDevices: 'auto',
    workerMeasuresSpeed: true,
  });
});

test('every variable is read', () => {
  const configuration = parseConfiguration({
    LOWRANK_HOME: '~/elsewhere',
    HOST: '0.0.0.0',
    PORT: '80',
    LOWRANK_PATH_PREFIX: '/tools/lowrank/',
    LOWRANK_CORS_ORIGINS: 'https://app.example.com, http://localhost:3000/,*',
    LOWRANK_MODEL_ROOTS: ['/models', '/srv/more'].join(path.delimiter),
    MLFLOW_TRACKING_URI: 'https://user:pass@mlflow.example.com/path/',
    MLFLOW_EXPERIMENT_NAME: 'poems',
    MLFLOW_HTTP_REQUEST_TIMEOUT: '20',
    HF_ENDPOINT: 'https://hub.example.com/',
    HF_TOKEN: 'token',
    HF_HOME: '~/shared',
    LOWRANK_HUB_ALLOW: 'org/*, other/name',
    LOWRANK_HUB_ALLOW_TOKEN: '*',
    LOWRANK_HUB_ALLOW_PUSH: 'me/*',
    DATABASE_URL: 'postgres://u:p@db/lowrank',
    REDIS_URL: 'rediss://:p@redis:6380/1',
    S3_ENDPOINT: 'https://s3.example.com',
    S3_BUCKET: 'bucket',
    S3_ACCESS_KEY: 'access',
    S3_SECRET_KEY: 'secret',
    S3_REGION: 'eu-central-1',
    S3_PATH_STYLE: 'false',
    LOG_LEVEL: 'DEBUG',
    MAX_FILE_BYTES: '1000',
    MAX_UPLOAD_BYTES: '2000',
    WEBHOOK_PRIVATE_ADDRESSES: 'true',
    GENERATION_QUEUE: '0',
    GENERATION_MEMORY_BYTES: '2000',
    GENERATION_IDLE_SECONDS: '0.5',
    GENERATION_CACHE_BYTES: '3000',
    WORKER_HEARTBEAT_SECONDS: '0.5',
    WORKER_LOST_SECONDS: '2',
    SHUTDOWN_GRACE_SECONDS: '5',
    WORKER_DEVICES: 'cpu, cuda:1',
    WORKER_MEASURES_SPEED: 'false',
    CUDA_FOLDER: '~/libraries',
  });
  expect(configuration).toEqual({
    home: path.join(homedir(), 'elsewhere'),
    cudaFolder: path.join(homedir(), 'libraries'),
    host: '0.0.0.0',
    port: 80,
    pathPrefix: '/tools/lowrank',
    corsOrigins: ['https://app.example.com', 'http://localhost:3000', '*'],
    modelRoots: ['/models', '/srv/more'],
    hub: {
      endpoint: 'https://hub.example.com',
      token: 'token',
      cache: path.join(homedir(), 'shared/hub'),
      allow: ['org/*', 'other/name'],
      allowToken: ['*'],
      allowPush: ['me/*'],
    },
    trackers: {
      mlflow: {
        uri: 'https://mlflow.example.com/path',
        authorization: 'Basic dXNlcjpwYXNz',
        experiment: 'poems',
        answerSeconds: 20,
      },
    },
    databaseUrl: 'postgres://u:p@db/lowrank',
    redisUrl: 'rediss://:p@redis:6380/1',
    s3: {
      endpoint: 'https://s3.example.com',
      bucket: 'bucket',
      accessKey: 'access',
      secretKey: 'secret',
      region: 'eu-central-1',
      pathStyle: false,
    },
    logLevel: 'debug',
    maxFileBytes: 1000,
    maxUploadBytes: 2000,
    webhookPrivateAddresses: true,
    generationQueue: 0,
    generationMemoryBytes: 2000,
    generationIdleSeconds: 0.5,
    generationCacheBytes: 3000,
    workerHeartbeatSeconds: 0.5,
    workerLostSeconds: 2,
    shutdownGraceSeconds: 5,
    workerDevices: ['cpu', 'cuda:1'],
    workerMeasuresSpeed: false,
  });
});

test('a relative home counts from the working folder, and empty variables count as not set', () => {
  const { home, port, s3 } = parseConfiguration({ LOWRANK_HOME: 'data', PORT: '', S3_ENDPOINT: ' ' });
  expect(home).toBe(path.resolve('data'));
  expect([port, s3]).toEqual([8010, null]);
});

test('all problems come in one error, by name and never by value', () => {
  const bad = {
    PORT: 'canary-port',
    LOWRANK_PATH_PREFIX: '/canary/../x',
    LOWRANK_CORS_ORIGINS: 'canary.example.com',
    LOWRANK_MODEL_ROOTS: 'canary/models',
    DATABASE_URL: 'mysql://canary:password@db/x',
    REDIS_URL: 'canary-redis',
    S3_ENDPOINT: 'canary-endpoint',
    S3_BUCKET: 'canary-bucket',
    LOG_LEVEL: 'canary-loud',
    MAX_FILE_BYTES: '-1',
    WORKER_HEARTBEAT_SECONDS: '1e9',
    WORKER_LOST_SECONDS: '0.3',
    WORKER_DEVICES: 'canary device',
    WORKER_MEASURES_SPEED: 'canary perhaps',
  };
  const failure = expect.objectContaining({
    code: 'configuration',
    details: {
      problems: [
        'PORT must be a whole number from 0 to 65535',
        'LOWRANK_PATH_PREFIX must be a path such as /lowrank, of letters, digits and - . _ ~',
        'LOWRANK_CORS_ORIGINS must be origins such as https://app.example.com with commas between them, or *',
        'LOWRANK_MODEL_ROOTS must be absolute paths with ":" between them',
        'DATABASE_URL must be a URL that begins with postgres:// or postgresql://',
        'REDIS_URL must be a URL that begins with redis:// or rediss://',
        'S3_ENDPOINT must be a URL that begins with http:// or https://',
        'S3_ACCESS_KEY must be set together with S3_ENDPOINT',
        'S3_SECRET_KEY must be set together with S3_ENDPOINT',
        'LOG_LEVEL must be one of fatal, error, warn, info, debug, trace, silent',
        'MAX_FILE_BYTES must be a whole number from 1 to 1125899906842624',
        'WORKER_LOST_SECONDS must be at least twice WORKER_HEARTBEAT_SECONDS',
        'WORKER_MEASURES_SPEED must be one of true, false',
        'WORKER_DEVICES must be auto, or names of devices with commas between them',
      ].toSorted(),
    },
  }) as unknown;
  let thrown: unknown;
  try {
    parseConfiguration(bad);
  } catch (error) {
    thrown = error;
  }
  const { message, details } = thrown as { message: string; details: { problems: string[] } };
  const heartbeat = details.problems.filter((text) => text.startsWith('WORKER_HEARTBEAT_SECONDS'));
  expect(heartbeat).toHaveLength(1);
  const others = details.problems.filter((text) => !heartbeat.includes(text)).toSorted();
  expect({ code: 'configuration', details: { problems: others } }).toEqual(failure);
  for (const problem of details.problems) expect(message).toContain(problem);
  expect(message).not.toMatch(/canary|password/);
});

test('variables of S3 without its address are a mistake', () => {
  expect(() => parseConfiguration({ S3_BUCKET: 'bucket' })).toThrow(
    /S3_BUCKET has no effect without S3_ENDPOINT/,
  );
  const keys = { S3_BUCKET: 'b', S3_ACCESS_KEY: 'a', S3_SECRET_KEY: 's' };
  expect(() => parseConfiguration({ ...keys, S3_ENDPOINT: 'http://s3/bucket' })).toThrow(/S3_ENDPOINT/);
});

test('addresses of this machine alone are known', () => {
  for (const host of ['127.0.0.1', '127.1.2.3', 'localhost', '::1'])
    expect(isLoopback(host), host).toBe(true);
  for (const host of ['0.0.0.0', '::', '192.168.1.1', 'example.com', '127.0.0.1.example.com']) {
    expect(isLoopback(host), host).toBe(false);
  }
});
