/** Work of a kind that only this file knows: from a row over a worker to what the row keeps. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { LowrankError } from '#base/errors.js';
import { taskJob, taskProgress } from '#contracts/task-calls.js';
import { MemberFiles } from '#jobs/member-files.js';
import { adapterExport } from '#jobs/task-kinds/export.js';
import { taskKinds } from '#jobs/task-kinds/registry.js';
import { runTask } from '#jobs/task-kinds/run-task.js';
import { type TaskInput, taskInput, type TaskKind, TaskKinds } from '#jobs/task-kinds/task-kind.js';
import { Tasks } from '#jobs/tasks.js';
import { Adapter } from '#platform/database/entities/adapter.js';
import { Task } from '#platform/database/entities/task.js';
import { TaskRunner } from '../../apps/worker/src/task-runner.js';
import type { RunTask } from '../../apps/worker/src/task-process.js';
import { type ApiServer, startApi } from './api-server.js';
import { storeAdapter } from './composed-adapters.js';

const input = taskInput.extend({ above: z.number() });

/** Counts the layers of an adapter whose rank is above a number, and writes them to a file. */
const layerCount: TaskKind<z.infer<typeof input>, { layers: number }> = {
  name: 'layer-count',
  input,
  result: z.strictObject({ layers: z.int() }),
  needsBase: true,
  async run({ input: { above }, members, baseFolder, output, onProgress }) {
    const layers = members.flatMap(({ adapter }) =>
      [...adapter.modules.values()].filter(({ r }) => r > above).map(({ path }) => path),
    );
    if (layers.length === 0) throw new LowrankError('rank_invalid', `no layer has a rank above ${above}`);
    onProgress({ stage: 'count', done: 1, total: 1 });
    await mkdir(output);
    await writeFile(join(output, 'layers.json'), JSON.stringify({ layers, baseFolder }));
    return { layers: layers.length };
  },
  async outcome({ input: { above }, result, files, readJson }) {
    return { report: { ...result, above, ...(await readJson('layers.json')) }, files };
  },
};
const kinds = new TaskKinds([layerCount]);

/** As in a process of its own: everything goes through the schemas of the calls, and through JSON. */
const run: RunTask = async (job, _, onProgress) => {
  const sent = taskJob.parse(JSON.parse(JSON.stringify(job)));
  const result = await runTask(kinds, sent, (progress) => onProgress(taskProgress.parse(progress)));
  return JSON.parse(JSON.stringify(result)) as unknown;
};

let api: ApiServer;
let tasks: Tasks;
let runner: TaskRunner;
let asked: TaskInput;
beforeAll(async () => {
  api = await startApi();
  await api.smallJob();
  const id = await storeAdapter(api.platform, { seed: 1, r: 4 });
  const { files, model, baseIdentity } = await api.platform.database.manager.findOneByOrFail(Adapter, { id });
  asked = {
    model,
    base_identity: baseIdentity!,
    members: [{ id, kind: 'adapter', weight: 1, files: [...files] }],
  };
  tasks = new Tasks(api.platform, undefined, kinds);
  runner = new TaskRunner(api.platform, 'worker-of-kinds', new MemberFiles(api.platform), { kinds, run });
  runner.start();
}, 120_000);
afterAll(async () => {
  await runner.stop();
  await api[Symbol.asyncDispose]();
});

async function ended(id: string): Promise<Task> {
  const read = () => api.platform.database.manager.findOneByOrFail(Task, { id });
  await expect.poll(async () => (await read()).finishedAt, { timeout: 20_000 }).not.toBeNull();
  return read();
}

test('a kind of one file and one line is made, run by a worker and kept with its outcome', async () => {
  const { id } = await tasks.create(layerCount, 'default', { ...asked, above: 3 });
  expect(id).toMatch(/^layer-count-[A-Za-z0-9]{24}$/);
  const task = await ended(id);
  expect(task).toMatchObject({ state: 'succeeded', error: null, adapterId: null });
  const layers = [0, 1].flatMap((layer) =>
    ['q_proj', 'v_proj'].map((name) => `model.layers.${layer}.self_attn.${name}`),
  );
  expect(task.report).toMatchObject({ above: 3, layers });
  expect(task.files!.map(({ path, key }) => [path, key])).toEqual([
    ['layers.json', `tasks/${id}/attempts/1/layers.json`],
  ]);
  const content: unknown = await new Response(
    (await api.platform.objects.get(task.files![0]!.key)) as never,
  ).json();
  expect(content).toMatchObject({ layers });
});

test('what its run refuses is the end of it', async () => {
  const { id } = await tasks.create(layerCount, 'default', { ...asked, above: 4 });
  expect(await ended(id)).toMatchObject({
    state: 'failed',
    error: { code: 'rank_invalid', message: 'no layer has a rank above 4' },
  });
});

test('a worker leaves alone what it has no kind for', async () => {
  const known = new Tasks(api.platform);
  const exported = await known.create(adapterExport, 'default', {
    ...asked,
    format: 'merged',
    dtype: 'f32',
    max_shard_bytes: 1e9,
  });
  const { id } = await tasks.create(layerCount, 'default', { ...asked, above: 0 });
  await ended(id);
  const left = await api.platform.database.manager.findOneByOrFail(Task, { id: exported.id });
  expect([left.state, left.attempt]).toEqual(['queued', 0]);
  expect((await known.claim('another'))?.id).toBe(exported.id);
  expect(taskKinds.names).not.toContain(layerCount.name);
});
