/** Experiment trackers: files of jobs, and a tracking server that is told of them, or not. */
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { Claims } from '#jobs/claims.js';
import { writeProgress } from '#jobs/progress.js';
import { TrackerRun } from '#platform/database/entities/tracker-run.js';
import { type Mood, type StubMlflow, stubMlflow } from '../stub-mlflow.js';
import { type ApiServer, startApi } from './api-server.js';

let api: ApiServer;
let job: object;
let mlflow: StubMlflow;

beforeAll(async () => {
  mlflow = await stubMlflow('secret');
  api = await startApi({
    environment: {
      MLFLOW_TRACKING_URI: `${mlflow.url}/`,
      MLFLOW_TRACKING_TOKEN: 'secret',
      MLFLOW_EXPERIMENT_NAME: 'poems',
      MLFLOW_HTTP_REQUEST_TIMEOUT: '1',
    },
  });
  job = await api.smallJob();
}, 120_000);
afterAll(async () => {
  await mlflow.close();
  await api[Symbol.asyncDispose]();
});
beforeEach(() => {
  mlflow.mood = 'well';
});

const created = async (body: object = {}) => {
  const made = await api.call('POST', '/v1/fine_tuning/jobs', { ...job, ...body });
  expect(made.status, made.text).toBe(200);
  return made.body;
};
const steps = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, i) => {
    const step = from + i;
    return { step, kind: 'step' as const, values: { loss: 4 / step, learning_rate: 0.01, accuracy: 0.5 } };
  });
const claims = () => new Claims(api.platform);
const claim = async (id: string) => {
  const { attempt } = (await claims().claimJob(id, 'worker-t', 'cpu'))!;
  return { jobId: id, attempt };
};
const succeed = {
  end: 'succeeded',
  trainedTokens: 1,
  adapter: { config: {}, files: [], sha256: '0' },
} as const;
const eventsOf = async (id: string) => {
  const { data } = (await api.call('GET', `/v1/fine_tuning/jobs/${id}/events?limit=100`)).body;
  return data.filter(({ code }) => String(code).startsWith('tracker.'));
};
const losses = (of: string) =>
  mlflow.runs
    .filter(({ tags }) => tags.get('lowrank.job') === of)
    .flatMap(({ metrics }) => metrics.filter(({ key }) => key === 'train/loss').map(({ step }) => step));
const runOf = (id: string) => mlflow.runs.find(({ tags }) => tags.get('lowrank.job') === id)!;
const soon = { timeout: 20_000, interval: 50 };
/** Does not wait for the time of the next try. */
const hurry = async () =>
  api.platform.database.manager
    .createQueryBuilder()
    .update(TrackerRun)
    .set({ nextAt: () => 'now()' })
    .where('next_at IS NOT NULL')
    .execute();

test('a job is told to MLflow with its options, curves and end, and not before it runs', async () => {
  const { id } = await created({ suffix: 'verse', seed: 5, metadata: { team: 'a' } });
  const mine = await claim(id);
  await writeProgress(api.platform, mine, {
    metrics: [...steps(1, 3), { step: 3, kind: 'evaluation', values: { loss: 1.5, best: true } }],
  });
  await vi.waitFor(() => expect(runOf(id)?.metrics).toHaveLength(10), soon);
  const run = runOf(id);
  expect(run).toMatchObject({ name: 'verse', status: 'RUNNING', experiment: '1' });
  expect(run.params.get('model')).toBe('tiny');
  expect(run.params.get('seed')).toBe('5');
  expect(run.params.get('lora.r')).toBe('8');
  expect(run.tags.get('team')).toBe('a');
  const [began] = await eventsOf(id);
  expect(began).toMatchObject({ code: 'tracker.began', level: 'info' });
  expect(began!['message']).toContain(`${mlflow.url}/#/experiments/1/runs/${run.id}`);
  await claims().finish(mine, succeed);
  await vi.waitFor(() => expect(run.status).toBe('FINISHED'), soon);
  expect(run.metrics).toHaveLength(10);
  expect(run.metrics.find(({ key }) => key === 'eval/loss')).toMatchObject({ value: 1.5, step: 3 });
  const { manager } = api.platform.database;
  await vi.waitFor(async () => expect(await manager.countBy(TrackerRun, { jobId: id })).toBe(0), soon);
}, 40_000);

test('a job says where in MLflow it goes, and a cancelled one is killed there', async () => {
  const mine = { experiment: 'other', name: 'mine', tags: { owner: 'me' } };
  const integrations = [{ type: 'mlflow', mlflow: mine }];
  const made = await created({ integrations });
  expect(made['integrations']).toEqual(integrations);
  await api.call('POST', `/v1/fine_tuning/jobs/${made.id}/cancel`);
  await vi.waitFor(() => expect(runOf(made.id)).toMatchObject({ status: 'KILLED', name: 'mine' }), soon);
  expect(runOf(made.id).tags.get('owner')).toBe('me');
  expect(runOf(made.id).experiment).not.toBe('1');
}, 30_000);

test('curves whose answer was lost are not sent twice, and a job that is tried again goes on with its run', async () => {
  const { id } = await created();
  const first = await claim(id);
  await writeProgress(api.platform, first, { metrics: steps(1, 3) });
  await vi.waitFor(() => expect(losses(id)).toEqual([1, 2, 3]), soon);
  mlflow.mood = 'lost';
  const lost = { code: 'worker_lost', message: 'The worker died' } as const;
  await writeProgress(api.platform, first, { metrics: steps(4, 5) });
  await claims().finish(first, { end: 'lost', error: lost, killed: false });
  const second = await claim(id);
  await vi.waitFor(
    async () => expect((await eventsOf(id)).map(({ code }) => code)).toContain('tracker.failed'),
    soon,
  );
  mlflow.mood = 'well';
  await writeProgress(api.platform, second, { metrics: steps(4, 7) });
  await claims().finish(second, succeed);
  await vi.waitFor(async () => {
    await hurry();
    expect(runOf(id).status).toBe('FINISHED');
  }, soon);
  expect(losses(id)).toEqual([1, 2, 3, 4, 5, 6, 7]);
  expect(mlflow.runs.filter(({ tags }) => tags.get('lowrank.job') === id)).toHaveLength(1);
}, 60_000);

test.each([
  ['fails', 'it answered 500: disk'],
  ['hangs', 'no answer within 1 s'],
] as const)(
  'a server that %s holds up no job, is told of once, and has all in the end',
  async (mood: Mood, problem: string) => {
    mlflow.mood = mood;
    const { id } = await created();
    const mine = await claim(id);
    const begun = performance.now();
    await writeProgress(api.platform, mine, { metrics: steps(1, 2) });
    await claims().finish(mine, succeed);
    expect((await api.call('GET', `/v1/fine_tuning/jobs/${id}`)).body.status).toBe('succeeded');
    expect(performance.now() - begun).toBeLessThan(5000);
    await vi.waitFor(async () => expect(await eventsOf(id)).toHaveLength(1), soon);
    // Again, and still one event; one that hangs was waited for long enough.
    const before = mlflow.seen.length - (mood === 'hangs' ? 1 : 0);
    await hurry();
    await vi.waitFor(() => expect(mlflow.seen.length).toBeGreaterThan(before), soon);
    mlflow.mood = 'well';
    await vi.waitFor(async () => {
      await hurry();
      expect(runOf(id)?.status).toBe('FINISHED');
    }, soon);
    expect(losses(id)).toEqual([1, 2]);
    const codes = (await eventsOf(id)).map(({ code }) => code);
    expect(new Set(codes)).toEqual(new Set(['tracker.began', 'tracker.failed']));
    expect(codes).toHaveLength(2);
    const failed = (await eventsOf(id)).find(({ code }) => code === 'tracker.failed');
    expect(failed!['message']).toContain(problem);
    expect(JSON.stringify(await eventsOf(id))).not.toContain('secret');
  },
  60_000,
);

test('a run of a job that is deleted before all was told is ended, and the job has no files any more', async () => {
  const { id } = await created();
  const mine = await claim(id);
  await writeProgress(api.platform, mine, { metrics: steps(1, 2) });
  await vi.waitFor(() => expect(losses(id)).toEqual([1, 2]), soon);
  mlflow.mood = 'fails';
  await claims().finish(mine, succeed);
  expect((await api.call('DELETE', `/v1/fine_tuning/jobs/${id}`)).status).toBe(200);
  expect((await api.call('GET', `/v1/fine_tuning/jobs/${id}/trackers/tensorboard`)).status).toBe(404);
  mlflow.mood = 'well';
  await vi.waitFor(async () => {
    await hurry();
    expect(runOf(id).status).toBe('FINISHED');
  }, soon);
}, 30_000);

test('a job has files for TensorBoard and Weights & Biases, and its events say how to hand it over', async () => {
  const integrations = [{ type: 'wandb', wandb: { project: 'poems', name: null, tags: ['a'] } }];
  const made = await created({ integrations });
  expect(made['integrations']).toEqual(integrations);
  const mine = await claim(made.id);
  await writeProgress(api.platform, mine, { metrics: steps(1, 3) });
  const get = (tracker: string) => fetch(`${api.url}/v1/fine_tuning/jobs/${made.id}/trackers/${tracker}`);
  const events = await get('tensorboard');
  expect(events.headers.get('content-disposition')).toContain(
    `events.out.tfevents.${String(made['created_at'])}.${made.id}`,
  );
  const bytes = Buffer.from(await events.arrayBuffer());
  expect(bytes.toString('latin1')).toContain('train/learning_rate');
  const archive = await get('wandb');
  expect(archive.headers.get('content-type')).toBe('application/x-tar');
  expect((await archive.arrayBuffer()).byteLength % 512).toBe(0);
  expect((await get('mlflow')).status).toBe(400);
  await claims().finish(mine, succeed);
  const ready = (await eventsOf(made.id)).find(({ code }) => code === 'tracker.file_ready');
  expect(ready!['message']).toContain(`lowrank tracker ${made.id} wandb`);
  expect(ready!['message']).toContain('wandb sync');
});
