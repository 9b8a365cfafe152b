/**
 * Compositions and exports whose process or worker is killed, stopped or handed over in the middle: each ends by itself,
 * once, with the bytes of one that was left alone, and leaves nothing behind.
 */
import { readdirSync, statSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { sweep } from '#jobs/sweeps.js';
import { Adapter } from '#platform/database/entities/adapter.js';
import { Task } from '#platform/database/entities/task.js';
import { type ApiServer, startApi } from '../integration/api-server.js';
import { manyLayers, storeAdapter } from '../integration/composed-adapters.js';
import { childrenOf, freeze } from './processes.js';
import { writeTinyModel } from './tiny-job.js';
import { isAlive, type WorkerProcess, WorkerStack } from './worker-stack.js';

/** Short enough for tests, and still longer than a pause of a busy machine. */
const impatient = { WORKER_HEARTBEAT_SECONDS: '0.5', WORKER_LOST_SECONDS: '4' };

let api: ApiServer;
let workers: WorkerProcess[] = [];
let bodies: Readonly<Record<Kind, object>>;
let control: Readonly<Record<Kind, string>>;
type Kind = 'compositions' | 'exports';
const kinds: readonly Kind[] = ['compositions', 'exports'];

beforeAll(async () => {
  api = await startApi();
  await api.smallJob();
  const folder = join(api.home, 'wide');
  // Some thirty million bytes of weights: an export takes long enough to be caught.
  await writeTinyModel(folder, { hidden_size: 256, intermediate_size: 1024, num_hidden_layers: 8 });
  const registered = await api.call('POST', '/v1/base_models', { folder });
  if (registered.body.status !== 'done') throw new Error(registered.text);
  const members = [];
  for (const seed of [1, 2, 3]) {
    members.push({
      adapter: await storeAdapter(api.platform, { seed, r: 8, shapes: manyLayers }),
      weight: seed - 1.5,
    });
  }
  const wide = await storeAdapter(api.platform, { seed: 4, r: 8, model: 'wide' });
  bodies = {
    compositions: { members, rank: 8 },
    exports: { adapter: wide, dtype: 'bf16', max_shard_bytes: 8_000_000 },
  };
  await startWorker();
  control = {
    compositions: await digestOf('compositions', await submit('compositions')),
    exports: await digestOf('exports', await submit('exports')),
  };
  await forget();
}, 180_000);
afterEach(async () => {
  for (const { child } of workers) child.kill('SIGTERM');
  await Promise.all(workers.map(({ ended }) => ended));
  workers = [];
  await forget();
});
afterAll(() => api[Symbol.asyncDispose]());

async function startWorker(): Promise<WorkerProcess> {
  const worker = await WorkerStack.workerOn(api.postgres, impatient);
  workers.push(worker);
  return worker;
}

async function submit(kind: Kind, body: object = bodies[kind]): Promise<string> {
  const answer = await api.call('POST', `/v1/${kind}`, body);
  if (answer.status !== 200) throw new Error(answer.text);
  return answer.body.id;
}

async function untilOver(kind: Kind, id: string): Promise<Task> {
  for (const deadline = Date.now() + 60_000; Date.now() < deadline; await sleep(50)) {
    const { status } = (await api.call('GET', `/v1/${kind}/${id}`)).body;
    if (['queued', 'running'].includes(status)) continue;
    return api.platform.database.manager.findOneByOrFail(Task, { id });
  }
  throw new Error(`${id} is not over: ${workers.map(({ output }) => output()).join('\n')}`);
}

/** Names and SHA-256 of all files of what came out. */
async function digestOf(kind: Kind, id: string): Promise<string> {
  const task = await untilOver(kind, id);
  const output = workers.map((worker) => worker.output()).join('\n');
  if (task.state !== 'succeeded') throw new Error(`${JSON.stringify(task.error)}\n${output}`);
  const files =
    kind === 'exports'
      ? task.files!
      : (await api.platform.database.manager.findOneByOrFail(Adapter, { taskId: id })).files;
  return files.map(({ path, sha256 }) => `${path} ${sha256}`).join('\n');
}

/** Deletes what was made, so that the same recipe makes an adapter of its own again. */
async function forget(): Promise<void> {
  await api.platform.database.query('UPDATE adapter SET deleted_at = now() WHERE task_id IS NOT NULL');
}

interface Caught {
  readonly id: string;
  /** Number of the process that works on it, which is frozen. */
  readonly pid: number;
}

/** Submits a task and freezes its process when it has written something; one that was too quick is done again. */
async function caughtInTheMiddle(kind: Kind, worker: WorkerProcess, body?: object): Promise<Caught> {
  for (let tries = 0; tries < 10; tries++) {
    const id = await submit(kind, body);
    const pid = await freezeInTheMiddle(worker, id);
    if (pid !== undefined) return { id, pid };
    await untilOver(kind, id);
    await forget();
  }
  throw new Error(`no process could be caught: ${worker.output()}`);
}

/** The number of the process, or undefined if it has ended before. */
async function freezeInTheMiddle(worker: WorkerProcess, id: string): Promise<number | undefined> {
  const folder = join(api.home, 'tasks', id, 'attempt-1');
  let pid: number | undefined;
  while (pid === undefined) {
    [pid] = await childrenOf(worker.child.pid!, 'task.js');
    const { state } = await api.platform.database.manager.findOneByOrFail(Task, { id });
    if (state !== 'queued' && state !== 'running') return undefined;
  }
  // In steps of some milliseconds, looking at it while it stands still.
  while (freeze(pid)) {
    if (hasWritten(folder)) return pid;
    process.kill(pid, 'SIGCONT');
    await sleep(5);
  }
  return undefined;
}

/** Whether there are bytes of a result, under whatever name it is made. At once: it does not take long. */
function hasWritten(folder: string): boolean {
  try {
    const made = readdirSync(folder).filter((name) => name.includes('out'));
    return made.some((name) =>
      readdirSync(join(folder, name)).some((file) => statSync(join(folder, name, file)).size > 0),
    );
  } catch {
    return false;
  }
}

/** Everything about an ended task that a disturbance could have changed, and what is left after a sweep. */
async function endOf(kind: Kind, id: string) {
  const digest = await digestOf(kind, id);
  const { manager } = api.platform.database;
  const { attempt, failures, files } = await manager.findOneByOrFail(Task, { id });
  const made = await manager.findBy(Adapter, { taskId: id });
  await sweep(api.platform, api.platform.log);
  const named = new Set(
    [...(files ?? []), ...made.flatMap((adapter) => adapter.files)].map(({ key }) => key),
  );
  const unnamed: string[] = [];
  for await (const { key } of api.platform.objects.list(`tasks/${id}/`)) {
    if (!named.has(key)) unnamed.push(key);
  }
  const folders = () => readdir(join(api.home, 'tasks'));
  for (const deadline = Date.now() + 5000; Date.now() < deadline && (await folders()).length > 0;)
    await sleep(50);
  return { digest, attempt, failures, adapters: made.length, unnamed, folders: await folders() };
}

/** The end of a task that nothing happened to, but for the number of attempts. */
function undisturbed(kind: Kind, attempt: number, failures: number): Awaited<ReturnType<typeof endOf>> {
  const adapters = kind === 'compositions' ? 1 : 0;
  return { digest: control[kind], attempt, failures, adapters, unnamed: [], folders: [] };
}

describe.each(kinds)('%s', (kind) => {
  test('whose process is killed are done again by the same worker', async () => {
    const worker = await startWorker();
    const { id, pid } = await caughtInTheMiddle(kind, worker);
    process.kill(pid, 'SIGKILL');
    expect(await endOf(kind, id)).toEqual(undisturbed(kind, 2, 1));
  });

  test('whose worker is killed are taken over by the next', async () => {
    const worker = await startWorker();
    const { id, pid } = await caughtInTheMiddle(kind, worker);
    worker.child.kill('SIGKILL');
    await worker.ended;
    process.kill(pid, 'SIGCONT');
    await startWorker();
    expect(await endOf(kind, id)).toEqual(undisturbed(kind, 2, 1));
    // It ends when its parent has.
    await expect.poll(() => isAlive(pid), { timeout: 20_000 }).toBe(false);
  });

  test('whose worker stops are handed to another one', async () => {
    const worker = await startWorker();
    const { id } = await caughtInTheMiddle(kind, worker);
    await startWorker();
    worker.child.kill('SIGTERM');
    await worker.ended;
    expect(await endOf(kind, id)).toEqual(undisturbed(kind, 2, 0));
  });

  test('whose worker was frozen for so long that another one took over end once', async () => {
    const worker = await startWorker();
    const { id, pid } = await caughtInTheMiddle(kind, worker);
    freeze(worker.child.pid!);
    await startWorker();
    const attempt = async () => (await api.platform.database.manager.findOneByOrFail(Task, { id })).attempt;
    await expect.poll(attempt, { timeout: 30_000 }).toBe(2);
    for (const one of [pid, worker.child.pid!]) process.kill(one, 'SIGCONT');
    expect(await endOf(kind, id)).toEqual(undisturbed(kind, 2, 1));
  });
});

test('deleting a member while its composition is made harms nothing', async () => {
  const doomed = await storeAdapter(api.platform, { seed: 9, r: 4, shapes: manyLayers });
  const worker = await startWorker();
  const { members } = bodies.compositions as { members: object[] };
  const body = { members: [...members, { adapter: doomed, weight: 1 }], rank: 2 };
  const { id, pid } = await caughtInTheMiddle('compositions', worker, body);
  expect((await api.call('DELETE', `/v1/adapters/${doomed}`)).status).toBe(200);
  // Long after its bytes would have been removed, and its process begins again.
  await api.platform.database.query(
    `UPDATE adapter SET deleted_at = now() - interval '2 hours' WHERE id = $1`,
    [doomed],
  );
  await sweep(api.platform, api.platform.log);
  process.kill(pid, 'SIGKILL');
  expect(await untilOver('compositions', id)).toMatchObject({ state: 'succeeded', attempt: 2 });
  await sweep(api.platform, api.platform.log);
  const gone = await api.platform.database.manager.findOneByOrFail(Adapter, { id: doomed });
  expect(gone.files).toEqual([]);
});
