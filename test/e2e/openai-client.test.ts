/** The stock `openai` client drives the service; only the base URL is ours. */
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import OpenAI, { type APIError, BadRequestError, NotFoundError } from 'openai';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestStack, type TestStack } from './stack.js';
import { waitForEnd } from './stack-watch.js';
import { writeTinyJob, writeTinyPreferenceJob } from './tiny-job.js';

let stack: TestStack;
let openai: OpenAI;
let folder: string;
let fileId: string;
let jobId: string;
let fineTuned: string;

beforeAll(async () => {
  stack = await startTestStack();
  openai = new OpenAI({ baseURL: `${stack.url}/v1`, apiKey: 'none' });
  folder = join(stack.home, 'tiny');
  await writeTinyJob(folder);
  await stack.client.models.add({ folder: join(folder, 'model'), name: 'tiny' });
}, 120_000);
afterAll(() => stack?.close());

test('a file is uploaded, waited for, listed and read back', async () => {
  const file = createReadStream(join(folder, 'train.jsonl'));
  const uploaded = await openai.files.create({ file, purpose: 'fine-tune' });
  fileId = uploaded.id;
  expect(await openai.files.waitForProcessing(fileId)).toMatchObject({
    status: 'processed',
    filename: 'train.jsonl',
  });
  const listed = [];
  for await (const { id } of openai.files.list({ purpose: 'fine-tune' })) listed.push(id);
  expect(listed).toEqual([fileId]);
  const content = await (await openai.files.content(fileId)).text();
  expect(content.split('\n')[0]).toContain('What is 0 plus 0?');
});

test('a job is made, followed to its end and found in the list', async () => {
  const job = await openai.fineTuning.jobs.create({
    model: 'tiny',
    training_file: fileId,
    suffix: 'sums',
    seed: 7,
    metadata: { team: 'a' },
    method: { type: 'supervised', supervised: { hyperparameters: { n_epochs: 1, batch_size: 1 } } },
  });
  jobId = job.id;
  await waitForEnd(stack.client, jobId);
  const done = await openai.fineTuning.jobs.retrieve(jobId);
  expect(done).toMatchObject({
    object: 'fine_tuning.job',
    status: 'succeeded',
    seed: 7,
    error: null,
    metadata: { team: 'a' },
    hyperparameters: { n_epochs: 1, batch_size: 1 },
  });
  expect(done.trained_tokens).toBeGreaterThan(0);
  expect(done.finished_at).toBeGreaterThanOrEqual(done.created_at);
  fineTuned = done.fine_tuned_model!;
  expect(fineTuned).toMatch(/^ft:tiny:default:sums:/);
  const found = await openai.fineTuning.jobs.list({ limit: 1, metadata: { team: 'a' } });
  expect(found.data.map(({ id }) => id)).toEqual([jobId]);
});

test('preferences are learned by DPO, from upload to adapter', async () => {
  const pairs = join(stack.home, 'pairs');
  await writeTinyPreferenceJob(pairs);
  const upload = async (name: string) => {
    const { id } = await openai.files.create({
      file: createReadStream(join(pairs, name)),
      purpose: 'fine-tune',
    });
    return id;
  };
  const job = await openai.fineTuning.jobs.create({
    model: 'tiny',
    training_file: await upload('train.jsonl'),
    validation_file: await upload('validation.jsonl'),
    method: { type: 'dpo', dpo: { hyperparameters: { beta: 0.2, n_epochs: 1, batch_size: 1 } } },
  });
  expect(job.method).toMatchObject({ type: 'dpo', dpo: { hyperparameters: { beta: 0.2, n_epochs: 1 } } });
  await waitForEnd(stack.client, job.id);
  const done = await openai.fineTuning.jobs.retrieve(job.id);
  expect(done).toMatchObject({ status: 'succeeded', error: null, method: { type: 'dpo' } });
  expect(done.fine_tuned_model).toMatch(/^ft:tiny:/);
  const [newest] = (await openai.fineTuning.jobs.checkpoints.list(job.id)).data;
  expect(newest!.metrics).toMatchObject({
    train_reward_accuracy: expect.any(Number) as unknown,
    full_valid_reward_margin: expect.any(Number) as unknown,
  });
  // It goes on from what it made, which is its reference then.
  const next = await openai.fineTuning.jobs.create({
    model: done.fine_tuned_model!,
    training_file: done.training_file,
    method: { type: 'dpo', dpo: { hyperparameters: { n_epochs: 1, batch_size: 1 } } },
  });
  await waitForEnd(stack.client, next.id);
  const metrics = await stack.client.jobs.metricsPage(next.id, { limit: 1 });
  expect(metrics.data[0]!.values).toMatchObject({ accuracy: expect.any(Number) as unknown, margin: 0 });
});

test('its result file is a table of its steps', async () => {
  const { result_files: files } = await openai.fineTuning.jobs.retrieve(jobId);
  expect(await openai.files.retrieve(files[0]!)).toMatchObject({ purpose: 'fine-tune-results' });
  const lines = (await (await openai.files.content(files[0]!)).text()).trimEnd().split('\n');
  expect(lines[0]).toBe('step,train_loss,train_accuracy,valid_loss,valid_mean_token_accuracy');
  const steps = lines.slice(1).map((line) => line.split(',').map(Number));
  const { data } = await stack.client.jobs.metricsPage(jobId, { kind: 'step' });
  const measured = data.map(({ step, values }) => [step, values['loss'], values['accuracy']]);
  expect(steps.map((row) => row.slice(0, 3))).toEqual(measured);
});

test('its events come page by page, the newest first', async () => {
  const messages = [];
  for await (const event of openai.fineTuning.jobs.listEvents(jobId, { limit: 2 })) {
    expect(event).toMatchObject({ object: 'fine_tuning.job.event', level: 'info' });
    messages.push(event.message);
  }
  expect(messages.at(-1)).toBe(`Created fine-tuning job: ${jobId}`);
  expect(messages.length).toBeGreaterThan(3);
});

test('its checkpoints are listed', async () => {
  const checkpoints = await openai.fineTuning.jobs.checkpoints.list(jobId);
  const [newest] = checkpoints.data;
  expect(newest).toMatchObject({ object: 'fine_tuning.job.checkpoint', fine_tuning_job_id: jobId });
  expect(newest!.fine_tuned_model_checkpoint).toContain(`ckpt-step-${newest!.step_number}`);
  expect(newest!.metrics.train_loss).toBeGreaterThan(0);
});

test('what it made answers, at its checkpoints too', async () => {
  const messages = [{ role: 'user' as const, content: 'What is 3 plus 3?' }];
  const request = { messages, temperature: 0, max_tokens: 8 };
  const answer = await openai.chat.completions.create({ ...request, model: fineTuned });
  expect(answer).toMatchObject({ object: 'chat.completion', model: fineTuned });
  const pieces: string[] = [];
  for await (const { choices } of await openai.chat.completions.create({
    ...request,
    model: fineTuned,
    stream: true,
  })) {
    pieces.push(choices[0]!.delta.content ?? '');
  }
  expect(pieces.join('')).toBe(answer.choices[0]!.message.content);
  const [newest] = (await openai.fineTuning.jobs.checkpoints.list(jobId)).data;
  const { fine_tuned_model_checkpoint: model } = newest!;
  const then = await openai.chat.completions.create({ ...request, model });
  expect(then.usage!.completion_tokens).toBeGreaterThan(0);
});

test('it is talked with over two turns, each with the answers before it as they came', async () => {
  const turns: OpenAI.ChatCompletionMessageParam[] = [{ role: 'user', content: 'What is 3 plus 3?' }];
  const ask = () =>
    openai.chat.completions.create({ model: fineTuned, messages: turns, temperature: 0, max_tokens: 8 });
  const first = await ask();
  turns.push(first.choices[0]!.message, { role: 'user', content: 'What is 4 plus 3?' });
  const second = await ask();
  expect(second.usage!.prompt_tokens).toBeGreaterThan(first.usage!.prompt_tokens);
  expect(second.choices[0]!.message.role).toBe('assistant');
});

test('it goes on with texts, one and many', async () => {
  const request = { model: fineTuned, temperature: 0, max_tokens: 4 };
  const one = await openai.completions.create({ ...request, prompt: 'What is 3' });
  const many = await openai.completions.create({ ...request, prompt: ['What is 5', 'What is 3'] });
  expect(many.choices.map(({ index }) => index)).toEqual([0, 1]);
  expect(many.choices[1]!.text).toBe(one.choices[0]!.text);
});

test('models are listed, retrieved and deleted', async () => {
  const ids = [];
  for await (const { id } of openai.models.list()) ids.push(id);
  expect(ids).toEqual(expect.arrayContaining(['tiny', fineTuned]));
  expect(await openai.models.retrieve(fineTuned)).toMatchObject({ object: 'model', id: fineTuned });
  expect(await openai.models.delete(fineTuned)).toMatchObject({ deleted: true });
  await expect(openai.models.retrieve(fineTuned)).rejects.toBeInstanceOf(NotFoundError);
});

test('a running job is paused, resumed and cancelled', async () => {
  const { id } = await openai.fineTuning.jobs.create({
    model: 'tiny',
    training_file: fileId,
    hyperparameters: { n_epochs: 1000 },
  });
  expect(await openai.fineTuning.jobs.pause(id)).toMatchObject({ id });
  expect(await openai.fineTuning.jobs.resume(id)).toMatchObject({ id });
  await openai.fineTuning.jobs.cancel(id);
  expect(await waitForEnd(stack.client, id)).toMatchObject({ status: 'cancelled' });
  expect(await openai.fineTuning.jobs.retrieve(id)).toMatchObject({
    status: 'cancelled',
    fine_tuned_model: null,
  });
});

test('errors are those of the client, with the field and the request', async () => {
  const refused = openai.fineTuning.jobs.create({ model: 'none', training_file: fileId });
  await expect(refused).rejects.toBeInstanceOf(BadRequestError);
  const error = await refused.then(
    () => Promise.reject(new Error('made')),
    (error: APIError) => error,
  );
  expect(error).toMatchObject({ param: 'model', type: 'invalid_request_error' });
  expect(error.requestID).toBeTruthy();
  await expect(openai.fineTuning.jobs.retrieve('ftjob-none')).rejects.toBeInstanceOf(NotFoundError);
});

test('a file is deleted', async () => {
  expect(await openai.files.delete(fileId)).toMatchObject({ id: fileId, deleted: true });
  await expect(openai.files.retrieve(fileId)).rejects.toBeInstanceOf(NotFoundError);
});

test('a file says when it expires', async () => {
  const file = createReadStream(join(folder, 'train.jsonl'));
  const expires_after = { anchor: 'created_at' as const, seconds: 3600 };
  const kept = await openai.files.create({ file, purpose: 'fine-tune', expires_after });
  expect(kept.expires_at).toBe(kept.created_at + 3600);
  const again = createReadStream(join(folder, 'train.jsonl'));
  const short = { ...expires_after, seconds: 60 };
  const refused = openai.files.create({ file: again, purpose: 'fine-tune', expires_after: short });
  await expect(refused).rejects.toBeInstanceOf(BadRequestError);
});

test.each(['desc', 'asc'] as const)(
  '250 files are listed and deleted in one loop, in %s order',
  async (order) => {
    const made = new Set<string>();
    for (let i = 0; i < 250; i += 25) {
      const uploads = Array.from({ length: 25 }, (_, k) => {
        const file = new File([`{"text": "file ${i + k}"}\n`], `file-${i + k}.jsonl`);
        return openai.files.create({ file, purpose: 'fine-tune' });
      });
      for (const { id } of await Promise.all(uploads)) made.add(id);
    }
    expect(made.size).toBe(250);
    for await (const { id } of openai.files.list({ order, limit: 100 })) {
      made.delete(id);
      expect(await openai.files.delete(id)).toMatchObject({ id, deleted: true });
    }
    expect(made.size).toBe(0);
    expect((await openai.files.list()).data).toEqual([]);
  },
  120_000,
);
