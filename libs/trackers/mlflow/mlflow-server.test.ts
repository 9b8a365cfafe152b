import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type StubMlflow, stubMlflow } from '../../../test/stub-mlflow.js';
import { MlflowServer } from '#trackers/mlflow/mlflow-server.js';
import { TrackerProblem } from '#trackers/tracker-server.js';
import type { Measured, TrackedRun } from '#trackers/tracked-run.js';

let stub: StubMlflow;
let server: MlflowServer;
beforeAll(async () => {
  stub = await stubMlflow('secret');
  server = serverAt(stub.url);
});
afterAll(() => stub.close());
beforeEach(() => {
  stub.mood = 'well';
});

const serverAt = (uri: string, authorization: string | null = 'Bearer secret') =>
  new MlflowServer({ uri, authorization, experiment: 'poems', answerSeconds: 0.2 });
const never = new AbortController().signal;
const at = new Date(1_800_000_000_000);
const runOf = (jobId: string, more: Partial<TrackedRun> = {}): TrackedRun => ({
  jobId,
  name: 'verse',
  createdAt: at,
  startedAt: at,
  finishedAt: null,
  state: 'running',
  config: { model: 'tiny', lora: { r: 8 } },
  tags: { team: 'a' },
  settings: null,
  ...more,
});
const measured = (seq: number, loss: number): Measured => {
  return { seq, step: seq, kind: 'step', at, values: { loss } };
};

test('a run is made once, however often it is begun, and knows how far its curves are', async () => {
  const first = await server.begin(runOf('ftjob-1'), never);
  expect(await server.begin(runOf('ftjob-1'), never)).toEqual(first);
  expect(first.address).toBe(`${stub.url}/#/experiments/1/runs/${first.id}`);
  expect(await server.position(first.id, never)).toBe(0);
  await server.log(first.id, [measured(1, 2), measured(2, 1.5)], never);
  expect(await server.position(first.id, never)).toBe(2);
  await server.end(first.id, runOf('ftjob-1', { state: 'failed', finishedAt: at }), never);
  expect(stub.runs).toHaveLength(1);
  expect(stub.runs[0]).toMatchObject({ name: 'verse', status: 'FAILED' });
  expect(stub.runs[0]!.metrics).toEqual([
    { key: 'train/loss', value: 2, step: 1, timestamp: at.getTime() },
    { key: 'train/loss', value: 1.5, step: 2, timestamp: at.getTime() },
  ]);
});

test('options come as parameters, no more of them at once than MLflow takes', async () => {
  const config = Object.fromEntries(Array.from({ length: 250 }, (_, i) => [`option${i}`, i]));
  const { id } = await server.begin(
    runOf('ftjob-2', { config: { ...config, text: 'x'.repeat(9000) } }),
    never,
  );
  const { params } = stub.runs.find((run) => run.id === id)!;
  expect(params.size).toBe(251);
  expect(params.get('text')).toHaveLength(6000);
  const batches = stub.seen.filter(({ path }) => path.endsWith('log-batch')).map(({ body }) => body);
  const sizes = batches.map((body) => (JSON.parse(body) as { params?: unknown[] }).params?.length ?? 0);
  expect(Math.max(...sizes)).toBe(100);
});

test.each([
  ['fails', 'it answered 500: disk'],
  ['leads away', 'leads to http://192.0.2.1/: give MLFLOW_TRACKING_URI the address itself'],
  ['closed', 'it answered 401: check MLFLOW_TRACKING_TOKEN'],
  ['talks', 'it answered more than 1048576 bytes'],
  ['hangs', 'no answer within 0.2 s'],
] as const)('a server that %s is a problem with its reason', async (mood, reason) => {
  stub.mood = mood;
  const before = stub.seen.length;
  const begun = server.begin(runOf('ftjob-3'), never);
  await expect(begun).rejects.toThrow(TrackerProblem);
  await expect(begun).rejects.toThrow(reason);
  expect(stub.seen.length).toBe(before + 1);
});

test('a server that is not there, or wants another token, is a problem too', async () => {
  const gone = await stubMlflow('secret');
  await gone.close();
  await expect(serverAt(gone.url).begin(runOf('ftjob-4'), never)).rejects.toThrow('ECONNREFUSED');
  await expect(serverAt(stub.url, null).begin(runOf('ftjob-4'), never)).rejects.toThrow('401');
});
