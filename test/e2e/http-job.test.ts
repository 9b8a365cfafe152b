/** A job over HTTP, from its files to its adapter, and what can be done to it on the way. */
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readAdapter } from '#adapters/read-adapter.js';
import type { TextCompletion } from '#contracts/http/completions.js';
import type { JobCreate } from '#contracts/http/job-create.js';
import type { JobObject } from '#contracts/http/jobs.js';
import type { MetricObject } from '#contracts/http/streams.js';
import type { ApiError } from '#client/errors.js';
import { LowrankClient } from '#client/client.js';
import { fetchAdapter, fetchExport } from '../../apps/cli/src/downloads/fetch-folder.js';
import { uploadFile } from '../../apps/cli/src/upload-file.js';
import { longJob, prepareTinyJob, startTestStack, type TestStack } from './stack.js';
import { cuttingProxy } from './stack-proxy.js';
import { collect, stepsOf, upTo, waitForEnd, waitForStatus, waitForStep } from './stack-watch.js';
import { tinySteps } from './tiny-job.js';

let stack: TestStack;
let client: LowrankClient;
let job: JobCreate;
let done: JobObject;

beforeAll(async () => {
  stack = await startTestStack();
  ({ client } = stack);
  job = await prepareTinyJob(stack);
}, 120_000);
afterAll(() => stack?.close());

test('a plan says what the job will be', async () => {
  const plan = await client.jobs.plan(job);
  expect(plan).toMatchObject({ model: 'tiny', total_steps: tinySteps, data: { training: { examples: 50 } } });
  expect(plan.modules.map(({ path }) => path)).toContain('model.layers.1.self_attn.v_proj');
  const trained = plan.data!.training.example.filter(({ trained }) => trained);
  expect(trained.map(({ text }) => text).join('')).toContain('It is 0.');
});

test('a job followed over a connection that breaks 20 times tells each metric once and in order', async () => {
  const proxy = await cuttingProxy(stack.url);
  const created = await client.jobs.create(job);
  expect(created).toMatchObject({ object: 'fine_tuning.job', fine_tuned_model: null, error: null });
  const got: MetricObject[] = [];
  let cuts = 0;
  for await (const metric of new LowrankClient({ url: proxy.url }).jobs.followMetrics(created.id)) {
    got.push(metric);
    if (cuts++ < 20) proxy.cut();
  }
  await proxy.close();
  expect(got.map(({ seq }) => seq)).toEqual(upTo(got.length));
  expect(got).toEqual(await collect(client.jobs.metrics(created.id)));
  expect(got.filter(({ kind }) => kind === 'step').map(({ step }) => step)).toEqual(upTo(tinySteps));
  expect(got.filter(({ kind }) => kind === 'evaluation').map(({ step }) => step)).toEqual([
    0, 4, 8, 12, 16, 20,
  ]);
  done = await client.jobs.get(created.id);
  expect(done).toMatchObject({
    status: 'succeeded',
    progress: { step: tinySteps, total_steps: tinySteps },
    fine_tuned_model: expect.stringMatching(/^ft:tiny:/) as unknown,
  });
});

test('its events tell its life in order, with one end', async () => {
  const events = await collect(client.jobs.events(done.id));
  expect(events.map(({ seq }) => seq)).toEqual(upTo(events.length));
  const codes = events.map(({ code }) => code);
  expect(codes.slice(0, 2)).toEqual(['job.created', 'job.queued']);
  expect(codes).toContain('job.started');
  expect(codes.filter((code) => code === 'job.succeeded')).toHaveLength(1);
  expect(codes.at(-1)).toBe('job.succeeded');
});

test('its checkpoints can be listed', async () => {
  const checkpoints = await collect(client.jobs.checkpoints(done.id));
  expect(checkpoints[0]).toMatchObject({
    object: 'fine_tuning.job.checkpoint',
    step_number: tinySteps,
    fine_tuning_job_id: done.id,
  });
  expect(checkpoints[0]!.metrics.train_loss).toBeGreaterThan(0);
});

test('its adapter is downloaded whole and loads', async () => {
  const adapter = await client.adapters.find(done.fine_tuned_model!);
  expect(adapter).toMatchObject({ id: done.adapter, model: 'tiny', job: done.id });
  const folder = join(stack.home, 'downloads', 'adapter');
  await fetchAdapter(client, adapter, folder);
  const { modules, config } = await readAdapter(folder);
  expect(modules.size).toBe(4);
  expect(config).toMatchObject({ r: 4, lora_alpha: 8, base_model_name_or_path: 'tiny' });
  await expect(fetchAdapter(client, adapter, folder)).rejects.toMatchObject({ code: 'output_exists' });
});

test('the fine-tuned model is listed beside its base', async () => {
  const ids = (await client.models.list()).map(({ id }) => id);
  expect(ids).toEqual(expect.arrayContaining(['tiny', done.fine_tuned_model]) as unknown);
});

test('the same job again gives the same adapter, and its first step comes soon', async () => {
  const begin = performance.now();
  const again = await client.jobs.create(job);
  await waitForStep(client, again.id, 1);
  expect((performance.now() - begin) / 1000).toBeLessThan(3);
  const { adapter } = await waitForEnd(client, again.id);
  const [first, second] = await Promise.all([
    client.adapters.get(done.adapter!),
    client.adapters.get(adapter!),
  ]);
  expect(second.sha256).toBe(first.sha256);
});

test('jobs learn over a base in int8 and in int4, and over a GGUF file', async () => {
  const made = await client.exports.wait(
    await client.exports.create({ adapter: done.adapter!, format: 'merged-gguf', dtype: 'q8_0' }),
  );
  const folder = join(stack.home, 'downloads', 'gguf');
  await fetchExport(client, made, folder);
  const name = (await readdir(folder)).find((file) => file.endsWith('.gguf'))!;
  await client.models.add({ folder: join(folder, name), name: 'tiny-gguf' });
  const short = { ...job.training, max_steps: 6, eval_steps: null, checkpoint_steps: 6 };
  const bodies: JobCreate[] = [
    { ...job, training: { ...short, base_precision: 'int8' } },
    { ...job, training: { ...short, base_precision: 'int4' } },
    { ...job, model: 'tiny-gguf', training: short },
    { ...job, model: 'tiny-gguf', training: { ...short, base_precision: 'int4' } },
  ];
  const created = await Promise.all(bodies.map((body) => client.jobs.create(body)));
  const ended = await Promise.all(created.map(({ id }) => waitForEnd(client, id)));
  expect(ended.map(({ status }) => status)).toEqual(bodies.map(() => 'succeeded'));
  const losses = ended.map(({ progress }) => progress.loss!);
  // Rounding changes losses, and by little.
  for (const [a, b] of [losses.slice(0, 2), losses.slice(2)]) {
    expect(a).not.toBe(b);
    expect(Math.abs(a! - b!)).toBeLessThan(0.1);
  }
});

test.each(['int8', 'int4'] as const)(
  'a base that is registered in %s answers so, and says it',
  async (precision) => {
    const name = `tiny-${precision}`;
    const model = await client.models.add({ folder: join(stack.home, 'tiny', 'model'), name, precision });
    expect(model).toMatchObject({ id: name, precision });
    const ask = async (model: string) => {
      const response = await fetch(`${stack.url}/v1/completions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({
          model,
          prompt: 'What is 3 plus 4?',
          max_tokens: 3,
          logprobs: 1,
          temperature: 0,
        }),
      });
      return (await response.json()) as TextCompletion;
    };
    const [stored, rounded] = [await ask('tiny'), await ask(name)];
    expect(stored.base_precision).toBeUndefined();
    expect(rounded).toMatchObject({ model: name, base_precision: precision });
    const first = ({ choices }: TextCompletion) => choices[0]!.logprobs!.token_logprobs[0]!;
    expect(first(rounded)).not.toBe(first(stored));
    expect(Math.abs(first(rounded) - first(stored))).toBeLessThan(0.3);
  },
);

test('while a job trains its status is answered quickly, and cancelling it takes seconds', async () => {
  const running = await client.jobs.create(longJob(job));
  const waiting = await client.jobs.create(longJob(job));
  await waitForStep(client, running.id, 3);
  const times: number[] = [];
  for (let i = 0; i < 300; i++) {
    const begin = performance.now();
    await client.jobs.get(running.id);
    times.push(performance.now() - begin);
  }
  const sorted = times.toSorted((a, b) => a - b);
  expect(sorted[150]).toBeLessThan(50);
  expect(sorted[297]).toBeLessThan(250);

  expect(await client.jobs.get(waiting.id)).toMatchObject({ status: 'queued', position: 1 });
  expect(await client.jobs.cancel(waiting.id)).toMatchObject({ status: 'cancelled', position: null });
  const begin = performance.now();
  await client.jobs.cancel(running.id);
  expect(await waitForEnd(client, running.id)).toMatchObject({ status: 'cancelled', adapter: null });
  expect((performance.now() - begin) / 1000).toBeLessThan(5);
  await expect(client.jobs.pause(running.id)).rejects.toMatchObject({ code: 'job_finished' });
});

test('a job that is paused and resumed gives the adapter of one that was left alone', async () => {
  const body = {
    ...job,
    training: { ...job.training, max_steps: 300, eval_steps: null, checkpoint_steps: 40 },
  };
  const [alone, paused] = [await client.jobs.create(body), await client.jobs.create(body)];
  await waitForStep(client, paused.id, 10);
  await client.jobs.pause(paused.id);
  await waitForStatus(client, paused.id, 'paused');
  const { progress } = await client.jobs.get(paused.id);
  expect(progress.step).toBeLessThan(300);
  await client.jobs.resume(paused.id);
  const ends = [await waitForEnd(client, alone.id), await waitForEnd(client, paused.id)];
  expect(ends.map(({ status }) => status)).toEqual(['succeeded', 'succeeded']);
  expect(await stepsOf(client, paused.id)).toEqual(upTo(300));
  const [a, b] = await Promise.all(ends.map(({ adapter }) => client.adapters.get(adapter!)));
  expect(b!.sha256).toBe(a!.sha256);
});

test('bad data are refused with the line and the field', async () => {
  const file = join(stack.home, 'bad.jsonl');
  await writeFile(file, '{"messages":[{"role":"user","content":"a"}]}\n{"messages":7}\n');
  await expect(uploadFile(client, file)).rejects.toMatchObject({
    status: 400,
    message: expect.stringMatching(/line \d/) as unknown,
  });
});

test('a job that cannot be is refused with every field that is wrong', async () => {
  const bad = { ...job, model: 'none', training: { n_epochs: -1 }, lora: { r: 0 } };
  const refused = client.jobs.create(bad);
  await expect(refused).rejects.toMatchObject({ status: 400 });
  const { details } = await refused.then(
    () => Promise.reject(new Error('made')),
    (error: ApiError) => error,
  );
  const problems = details['problems'] as { field: string }[];
  expect(problems.map(({ field }) => field)).toEqual(
    expect.arrayContaining(['training.n_epochs', 'lora.r']) as unknown,
  );
});
