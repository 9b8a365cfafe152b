/** A decoder learns to tell classes of texts apart, and a training that is killed ends with the bits of one left alone. */
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { TrainerJobInput } from '#contracts/trainer-job.js';
import type { TrainerMessage } from '#contracts/trainer-calls.js';
import { readSafetensorsHeader } from '#models/safetensors.js';
import { tinyResults, writeTinyClassificationJob } from './tiny-job.js';
import { runForked, writeJob } from './trainer-process.js';

let folder: string;
let job: TrainerJobInput;
let control: readonly Buffer[];
let messages: readonly TrainerMessage[];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'classification-'));
  job = await writeTinyClassificationJob(folder);
  ({ messages } = await runForked(await writeJob(folder, { ...job, output_folder: 'control' })));
  control = await resultsOf('control');
}, 120_000);
afterAll(() => rm(folder, { recursive: true }));

const resultsOf = (output: string) => tinyResults(join(folder, output));

test('it learns the classes of the data, and says which are taken for which', () => {
  const evaluations = messages.filter((message) => message.type === 'evaluation');
  const [first, last] = [evaluations[0]!, evaluations.at(-1)!];
  // A head with small weights knows nothing.
  expect(first.loss).toBeCloseTo(Math.log(3), 0);
  expect(last).toMatchObject({ accuracy: 1, macro_f1: 1, loss_tokens: 30 });
  expect(last.confusion_matrix).toEqual({
    labels: ['angry', 'calm', 'glad'],
    counts: [
      [10, 0, 0],
      [0, 10, 0],
      [0, 0, 10],
    ],
  });
  expect(first.confusion_matrix!.counts.flat().reduce((sum, count) => sum + count)).toBe(30);
});

test('the adapter holds its head and the names of its classes, as PEFT and transformers read them', async () => {
  const adapter = join(folder, 'control/adapter');
  const { tensors } = await readSafetensorsHeader(join(adapter, 'adapter_model.safetensors'));
  expect(tensors.get('base_model.model.score.weight')!.shape).toEqual([3, 32]);
  const json = async (name: string) => JSON.parse(await readFile(join(adapter, name), 'utf8')) as object;
  expect(await json('adapter_config.json')).toMatchObject({
    task_type: 'SEQ_CLS',
    modules_to_save: ['score', 'classifier'],
  });
  expect(await json('config.json')).toMatchObject({
    architectures: ['LlamaForSequenceClassification'],
    hidden_size: 32,
    id2label: { 0: 'angry', 1: 'calm', 2: 'glad' },
    label2id: { angry: 0, calm: 1, glad: 2 },
  });
  expect(await readFile(join(adapter, 'README.md'), 'utf8')).toContain('pipeline_tag: text-classification');
});

test('a run that is killed while it learns ends with the same bits', async () => {
  const file = await writeJob(folder, { ...job, output_folder: 'killed', cache_folder: 'killed-cache' });
  for (const step of [5, 14]) {
    const { signal } = await runForked(file, { resume: true }, (message, { child }) => {
      if (message.type === 'step' && message.step === step) child.kill('SIGKILL');
    });
    expect(signal).toBe('SIGKILL');
  }
  const { code, messages } = await runForked(file, { resume: true });
  expect(code).toBe(0);
  expect(messages.filter((message) => message.type === 'warning')).toEqual([]);
  expect(await resultsOf('killed')).toEqual(control);
});

test('training goes on from an adapter with its head and its classes, whatever order the data have', async () => {
  const training = { ...job.training, max_steps: 1 };
  const next = { ...job, lora: null, init_adapter: join(folder, 'control/adapter'), training };
  const { code, messages } = await runForked(await writeJob(folder, { ...next, output_folder: 'next' }));
  expect(code).toBe(0);
  expect(messages.find((message) => message.type === 'evaluation')).toMatchObject({ accuracy: 1 });
});

test.each([
  {
    name: 'classes that the method does not name',
    rows: '{"text": "a b", "label": "odd"}\n{"text": "c d", "label": "glad"}\n',
    labels: ['glad', 'sad'],
    error: /train\.jsonl, line 1, label: there is no class "odd"; the classes are glad, sad/,
  },
  {
    name: 'one class only',
    rows: '{"text": "a b", "label": "glad"}\n{"text": "c d", "label": "glad"}\n',
    labels: null,
    error: /every row has the class "glad": there is nothing to tell apart/,
  },
  {
    name: 'a label that is no class',
    rows: '{"text": "a b", "label": 0.5}\n{"text": "c d", "label": -1}\n',
    labels: ['glad', 'sad'],
    error: /line 1, label: "label" is 0\.5\. Write the name of a class, or its number from 0/,
  },
])('$name end the run with what to do', async ({ rows, labels, error }) => {
  const own = await mkdtemp(join(folder, 'bad-'));
  await cp(join(folder, 'model'), join(own, 'model'), { recursive: true });
  await writeFile(join(own, 'train.jsonl'), rows);
  const training = { ...job.training, method: { type: 'classification' as const, labels } };
  const { code, messages } = await runForked(
    await writeJob(own, { ...job, validation_file: null, training }),
  );
  expect(code).toBe(2);
  expect(messages.at(-1)).toMatchObject({ error: { message: expect.stringMatching(error) as string } });
});
