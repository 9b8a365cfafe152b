/** Models that an administrator lets other projects use, asked for with the stock client. */
import OpenAI, { NotFoundError, PermissionDeniedError } from 'openai';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Adapter } from '#platform/database/entities/adapter.js';
import { type ApiServer, scriptedGenerator, startApi } from './api-server.js';
import { storeAdapter } from './composed-adapters.js';

let api: ApiServer;
let model: string;
let theirsId: string;
let adapter: string;
/** Of an administrator, of the model's owner and of another project. */
let root: OpenAI;
let ours: OpenAI;
let theirs: OpenAI;
let theirFile: string;

beforeAll(async () => {
  api = await startApi({ generatorMain: scriptedGenerator });
  const client = async (project: string, role: 'admin' | 'project') => {
    const { secret, key } = await api.keys.create({ name: project, project, role });
    const openai = new OpenAI({
      baseURL: `${api.url}/v1`,
      apiKey: secret,
      adminAPIKey: secret,
      maxRetries: 0,
    });
    return { openai, secret, projectId: key.projectId };
  };
  const admin = await client('root', 'admin');
  const owner = await client('ours', 'project');
  const other = await client('theirs', 'project');
  [root, ours, theirs, theirsId] = [admin.openai, owner.openai, other.openai, other.projectId];
  theirFile = (await api.smallJob({ authorization: `Bearer ${other.secret}` })).training_file;
  adapter = await storeAdapter(api.platform, { seed: 1, r: 4, project: owner.projectId });
  const row = await api.platform.database.manager.findOneByOrFail(Adapter, { id: adapter });
  model = row.name;
}, 120_000);
afterAll(() => api[Symbol.asyncDispose]());

const permissions = () => root.fineTuning.checkpoints.permissions;
const asked = () => theirs.completions.create({ model, prompt: 'hello' });

test('another project may use a model from when it is let until the leave is taken back', async () => {
  await expect(asked()).rejects.toBeInstanceOf(NotFoundError);
  const made = await permissions().create(model, { project_ids: [theirsId] });
  expect(made.data).toMatchObject([{ object: 'checkpoint.permission', project_id: theirsId }]);
  const again = await permissions().create(model, { project_ids: [theirsId] });
  expect(again.data).toEqual(made.data);
  const listed = [];
  for await (const permission of permissions().list(model, { limit: 1, order: 'ascending' })) {
    listed.push(permission);
  }
  expect(listed).toEqual(made.data);
  expect((await permissions().list(model, { project_id: 'other' })).data).toEqual([]);

  expect((await asked()).choices[0]!.text).toBe('Well, yes.');
  expect(await theirs.models.retrieve(model)).toMatchObject({ id: model });
  const names = (await theirs.models.list()).data.map(({ id }) => id);
  expect(names).toContain(model);
  const job = await theirs.fineTuning.jobs.create({ model, training_file: theirFile });
  expect(job).toMatchObject({ model: 'tiny', init_adapter: adapter });
  await theirs.fineTuning.jobs.cancel(job.id);
  // To use it is not to have it.
  await expect(theirs.models.delete(model)).rejects.toBeInstanceOf(NotFoundError);

  const id = made.data[0]!.id;
  expect(await permissions().delete(id, { fine_tuned_model_checkpoint: model })).toEqual({
    id,
    object: 'checkpoint.permission',
    deleted: true,
  });
  await expect(asked()).rejects.toBeInstanceOf(NotFoundError);
  await expect(theirs.models.retrieve(model)).rejects.toBeInstanceOf(NotFoundError);
  await expect(theirs.fineTuning.jobs.create({ model, training_file: theirFile })).rejects.toMatchObject({
    status: 400,
    param: 'model',
  });
  await expect(permissions().delete(id, { fine_tuned_model_checkpoint: model })).rejects.toMatchObject({
    status: 404,
    code: 'permission_not_found',
  });
});

test('only an administrator says so, of models and projects that there are', async () => {
  const own = ours.fineTuning.checkpoints.permissions;
  await expect(own.create(model, { project_ids: [theirsId] })).rejects.toBeInstanceOf(PermissionDeniedError);
  await expect(permissions().create('ft:none', { project_ids: [theirsId] })).rejects.toBeInstanceOf(
    NotFoundError,
  );
  await expect(permissions().create(model, { project_ids: [theirsId, 'proj_none'] })).rejects.toMatchObject({
    status: 400,
    param: 'project_ids.1',
  });
  expect((await permissions().list(model)).data).toEqual([]);
});

test('whose model it was deletes it', async () => {
  expect(await ours.models.delete(model)).toEqual({ id: model, object: 'model', deleted: true });
  await expect(ours.models.retrieve(model)).rejects.toBeInstanceOf(NotFoundError);
});
