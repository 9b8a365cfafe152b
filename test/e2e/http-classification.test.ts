/** A classifier of texts over HTTP: trained on a decoder that has no head, asked, imported, gone on with and merged. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { create } from 'tar';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { LowrankClient } from '#client/client.js';
import { type AdapterObject, adapterObject } from '#contracts/http/adapters.js';
import { fetchAdapter } from '../../apps/cli/src/downloads/fetch-folder.js';
import { run } from '../../apps/cli/test/run-cli.js';
import { absoluteError, tolerances } from '../tolerances.js';
import { startTestStack, type TestStack } from './stack.js';
import { collect, waitForEnd } from './stack-watch.js';
import { moodNames, moodSentences, writeTinyModel } from './tiny-job.js';

let stack: TestStack;
let client: LowrankClient;
let adapter: AdapterObject;
let jobId: string;

const texts = moodSentences(120, 132);
const upload = async (rows: readonly object[], name: string) => {
  const text = rows.map((row) => `${JSON.stringify(row)}\n`).join('');
  return (await client.files.upload(new Blob([text]), name)).id;
};
const method = (labels?: string[]) => ({
  type: 'classification' as const,
  classification: { hyperparameters: labels ? { labels } : {} },
});
const training = { learning_rate: 0.02, max_steps: 20, batch_size: 4, block_length: 64 };

beforeAll(async () => {
  stack = await startTestStack();
  ({ client } = stack);
  await writeTinyModel(join(stack.home, 'tiny/model'));
  await client.models.add({ name: 'tiny', folder: join(stack.home, 'tiny/model') });
  const { id } = await client.jobs.create({
    model: 'tiny',
    training_file: await upload(moodSentences(0, 90), 'train.jsonl'),
    validation_file: await upload(moodSentences(90, 120), 'validation.jsonl'),
    method: method(),
    lora: { r: 4, lora_alpha: 8, target_modules: ['q_proj', 'v_proj'] },
    training,
  });
  jobId = id;
  adapter = await client.adapters.get((await waitForEnd(client, id)).adapter!);
}, 120_000);
afterAll(() => stack?.close());

const classify = async (model: string) => {
  const { results } = await client.classifications.create({ model, input: texts.map(({ text }) => text) });
  return results;
};
const probabilities = (results: Awaited<ReturnType<typeof classify>>) =>
  results.flatMap((result) => result.probabilities.map(({ probability }) => probability));

test('the job tells its metrics, and its adapter the classes of the data', async () => {
  expect(adapter.classes).toEqual(moodNames);
  const job = await client.jobs.get(jobId);
  expect(job.method).toMatchObject({ type: 'classification' });
  const metrics = await collect(client.jobs.metrics(jobId));
  const last = metrics.filter(({ kind }) => kind === 'evaluation').at(-1)!.values;
  expect(last).toMatchObject({ accuracy: 1, macro_f1: 1, confusion_matrix: { labels: moodNames } });
});

test('the fine-tuned model tells the classes of texts that it has not seen', async () => {
  const results = await classify(adapter.name);
  expect(results.map(({ label }) => label)).toEqual(texts.map(({ label }) => label));
});

test('the base alone cannot, and says how it is taught', async () => {
  await expect(classify('tiny')).rejects.toThrow(/LlamaForCausalLM writes text/);
});

test('merged into its base it is a model of its own with the same probabilities', async () => {
  const folder = join(stack.home, 'tiny/merged');
  const { code } = await run(['export', adapter.id, '--merged', 'f32', '--out', folder], { url: stack.url });
  expect(code).toBe(0);
  await client.models.add({ name: 'moods', folder });
  const [merged, beside] = [await classify('moods'), await classify(adapter.name)];
  expect(merged[0]!.probabilities.map(({ label }) => label)).toEqual(moodNames);
  expect(absoluteError(probabilities(merged), probabilities(beside))).toBeLessThan(tolerances.logits);
});

test('imported again it has its classes, and training goes on from it', async () => {
  const folder = join(stack.home, 'fetched');
  await fetchAdapter(client, adapter, folder);
  const archive = join(stack.home, 'adapter.tar');
  await create({ file: archive, cwd: folder }, ['.']);
  const form = new FormData();
  form.set('file', new Blob([await readFile(archive)]), 'adapter.tar');
  const answer = await fetch(`${stack.url}/v1/adapters`, { method: 'POST', body: form });
  const imported = adapterObject.parse(await answer.json());
  expect(imported.classes).toEqual(moodNames);
  expect(probabilities(await classify(imported.name))).toEqual(probabilities(await classify(adapter.name)));
  const { id } = await client.jobs.create({
    model: imported.name,
    training_file: await upload(moodSentences(0, 90).reverse(), 'again.jsonl'),
    method: method(),
    training: { ...training, max_steps: 1 },
  });
  const again = await client.adapters.get((await waitForEnd(client, id)).adapter!);
  expect(again.classes).toEqual(moodNames);
});

test('a long file in the order of its classes is planned by its beginning, which has one class', async () => {
  const filler = 'so they say '.repeat(60);
  const rows = moodNames.flatMap((label) =>
    Array.from({ length: 1600 }, (_, i) => ({ text: `${i} ${filler}`, label })),
  );
  const plan = await client.jobs.plan({
    model: 'tiny',
    training_file: await upload(rows, 'sorted.jsonl'),
    validation_file: await upload(moodSentences(90, 120), 'validation.jsonl'),
    method: method(),
    training: { ...training, max_steps: 1 },
  });
  expect(plan.classes).toEqual(['angry']);
  expect(plan.data?.training.estimated).toBe(true);
});

test('prompts to a model that writes nothing are refused before the job is made', async () => {
  const training_file = await upload(moodSentences(0, 9), 'moods.jsonl');
  const asked = { ...training, sample_prompts: ['How are you?'] };
  await expect(
    client.jobs.create({ model: 'tiny', training_file, method: method(), training: asked }),
  ).rejects.toThrow(
    /sample_prompts: are for models that write, and the method "classification" teaches classes; leave them out/,
  );
});

test.each([
  {
    name: 'a class that the method does not name',
    rows: [...moodSentences(0, 3), { text: 'And this?', label: 'sad' }],
    labels: ['angry', 'calm', 'glad'],
    error: /line 4, label, there is no class "sad"; the classes are angry, calm, glad/,
  },
  {
    name: 'one class only',
    rows: moodSentences(0, 9).filter(({ label }) => label === 'calm'),
    labels: undefined,
    error: /every row has the class "calm": there is nothing to tell apart/,
  },
  {
    name: 'rows without labels',
    rows: [{ text: 'a' }, { text: 'b' }],
    labels: undefined,
    error: /this is a text row, but the method "classification" learns from labelled rows/,
  },
])('$name is refused before the job is made', async ({ rows, labels, error }) => {
  const training_file = await upload(rows, 'bad.jsonl');
  await expect(
    client.jobs.create({ model: 'tiny', training_file, method: method(labels), training }),
  ).rejects.toThrow(error);
});
