import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { trackerOf } from '#trackers/registry.js';
import { job } from '../../test/answers.js';
import { run } from '../../test/run-cli.js';
import { sendJson, type StubServer, stubServer } from '../../../../test/stub-server.js';

let folder: string;
let server: StubServer | undefined;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tracker-'));
});
afterEach(() => server?.close());
afterAll(() => rm(folder, { recursive: true }));

const tracked = {
  jobId: 'ftjob-1',
  name: 'one',
  createdAt: new Date(0),
  startedAt: null,
  finishedAt: null,
  state: 'running',
  config: {},
  tags: {},
  settings: null,
} as const;

async function* nothing() {}

async function serve(): Promise<StubServer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of trackerOf('wandb').write!(tracked, nothing)) chunks.push(chunk);
  server = await stubServer(({ path }, response) => {
    if (path.endsWith('/trackers/tensorboard')) response.end('events');
    else if (path.endsWith('/trackers/wandb')) response.end(Buffer.concat(chunks));
    else sendJson(response, job);
  });
  return server;
}

test('an event file lies in a folder of its job', async () => {
  const { code, stdout, stderr } = await run(
    ['tracker', 'ftjob-1', 'tensorboard', '--out', folder],
    await serve(),
  );
  expect(code, stderr).toBe(0);
  expect(stdout).toContain(`tensorboard --logdir ${folder}`);
  const name = `events.out.tfevents.${job.created_at}.${job.id}`;
  expect(await readFile(join(folder, job.id, name), 'utf8')).toBe('events');
});

test('a run of Weights & Biases is unpacked', async () => {
  const { code, stdout, stderr } = await run(['tracker', 'ftjob-1', 'wandb', '--out', folder], await serve());
  expect(code, stderr).toBe(0);
  expect(stdout).toContain(`wandb sync ${folder}/wandb/offline-run-*`);
  const log = await readFile(join(folder, 'wandb/offline-run-19700101_000000-1/run-1.wandb'));
  expect(log.toString('latin1', 0, 4)).toBe(':W&B');
});

test('a tracker that has no files is refused', async () => {
  expect((await run(['tracker', 'ftjob-1', 'mlflow'], await serve())).code).toBe(2);
});
