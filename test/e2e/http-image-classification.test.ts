/** Classifiers of images over HTTP: trained on convolutions and on attention, measured before and after, and resumed. */
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { LowrankClient } from '#client/client.js';
import { writeImageClassifier } from '../classifier-folder.js';
import { dataUrl } from '../image-fixtures.js';
import { zipOf } from '../integration/zip-of.js';
import { pictureClasses as classes, pictures } from './pictures.js';
import { startTestStack, type TestStack } from './stack.js';
import { collect, waitForEnd } from './stack-watch.js';

let stack: TestStack;
let client: LowrankClient;

const upload = async (rows: readonly object[], name: string) => {
  const text = rows.map((row) => `${JSON.stringify(row)}\n`).join('');
  return (await client.files.upload(new Blob([text]), name)).id;
};
const method = { type: 'classification' as const, classification: { hyperparameters: {} } };

beforeAll(async () => {
  stack = await startTestStack();
  ({ client } = stack);
  for (const family of ['resnet', 'vit']) {
    const folder = join(stack.home, family);
    await writeImageClassifier(family, folder);
    await client.models.add({ name: family, folder });
  }
}, 120_000);
afterAll(() => stack?.close());

test.each([
  ['resnet', String.raw`.*encoder.*\.convolution`],
  ['vit', 'all-linear'],
])(
  'an adapter of %s learns other classes, and tells those of images that it has not seen',
  async (model, target_modules) => {
    const held = await pictures(90, 120);
    const { id } = await client.jobs.create({
      model,
      training_file: await upload(await pictures(0, 90), 'train.jsonl'),
      validation_file: await upload(held, 'validation.jsonl'),
      method,
      lora: { r: 4, lora_alpha: 16, target_modules },
      training: { learning_rate: 0.02, max_steps: 60, batch_size: 12, load_best_model_at_end: false },
    });
    const job = await waitForEnd(client, id);
    const adapter = await client.adapters.get(job.adapter!);
    expect(adapter.classes).toEqual(classes);
    const evaluations = (await collect(client.jobs.metrics(id))).filter(({ kind }) => kind === 'evaluation');
    const [before, after] = [evaluations[0]!.values, evaluations.at(-1)!.values];
    expect(before.accuracy).toBeLessThan(0.7);
    expect(after.accuracy).toBeGreaterThan(0.9);
    const { labels, counts } = after.confusion_matrix as { labels: string[]; counts: number[][] };
    expect(labels).toEqual(classes);
    expect(counts.flat().reduce((sum, count) => sum + count, 0)).toBe(30);
    const input = held.map(({ image }) => ({ image }));
    const { results } = await client.classifications.create({ model: adapter.name, input });
    const right = results.filter(({ label }, i) => label === held[i]!.label);
    expect(right.length / held.length).toBeCloseTo(Number(after.accuracy), 6);
  },
  120_000,
);

test('a plan counts images and classes', async () => {
  const plan = await client.jobs.plan({
    model: 'vit',
    training_file: await upload(await pictures(0, 30), 'plan.jsonl'),
    method,
    lora: { r: 2 },
  });
  expect(plan.classes).toEqual(classes);
  expect(plan.data!.training).toMatchObject({ examples: 30, blocks: 30, block_length: 17 });
});

test('a ZIP archive with a folder for each class trains the very bits of the same rows', async () => {
  const rows = await pictures(0, 24);
  const files = rows.map(({ image, label }, i) => ({
    path: `pictures/${label}/${i}.png`,
    content: Buffer.from(image.split(',')[1]!, 'base64'),
  }));
  const zip = new Blob([new Uint8Array(zipOf(files))]);
  const packed = await client.files.upload(zip, 'pictures.zip');
  expect(packed.report).toMatchObject({ format: 'images in zip', kind: 'image', rows: 24 });
  const training = { learning_rate: 0.02, max_steps: 2, batch_size: 8 };
  const digests = await Promise.all(
    [packed.id, await upload(rows, 'rows.jsonl')].map(async (training_file) => {
      const { id } = await client.jobs.create({
        model: 'vit',
        training_file,
        method,
        lora: { r: 2 },
        training,
      });
      return (await client.adapters.get((await waitForEnd(client, id)).adapter!)).sha256;
    }),
  );
  expect(digests[0]).toBe(digests[1]);
});

const good = () => pictures(0, 6);

test.each<[what: string, model: string, rows: () => Promise<object[]>, error: RegExp]>([
  ['a text', 'vit', () => Promise.resolve([{ text: 'a', label: 'b' }]), /the base model reads images/],
  [
    'one class',
    'vit',
    async () => (await good()).map((row) => ({ ...row, label: 'x' })),
    /every row has the class "x"/,
  ],
  [
    'an image of 16 bits of grey',
    'vit',
    async () => [...(await good()), { image: dataUrl('grey-16.png'), label: 'rows' }],
    /line 7, image, the image has pixels of grey16/,
  ],
  [
    'half an image',
    'vit',
    async () => [...(await good()), { image: dataUrl('rgb.png').slice(0, 802), label: 'rows' }],
    /line 7, image, the image cannot be decoded/,
  ],
])('%s is refused before the job is made', async (_, model, rows, error) => {
  const training_file = await upload(await rows(), 'bad.jsonl');
  await expect(client.jobs.create({ model, training_file, method, lora: { r: 2 } })).rejects.toThrow(error);
});

test.each<[what: string, image: unknown, error: RegExp]>([
  ['an address', 'https://example.com/cat.png', /fetches nothing from elsewhere/],
  ['no image', 'data:image/png;base64,AAAA', /is no image/],
  ['a number', 7, /must be a data URL/],
])('%s in the place of an image is refused at its upload', async (_, image, error) => {
  await expect(upload([...(await good()), { image, label: 'rows' }], 'bad.jsonl')).rejects.toThrow(error);
});
