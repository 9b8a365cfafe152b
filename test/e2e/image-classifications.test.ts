/** Images classified over HTTP by the process that computes, held against transformers. */
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { LowrankClient } from '#client/client.js';
import { goldenImages, goldenTexts, writeClassifier, writeImageClassifier } from '../classifier-folder.js';
import { dataUrl, imageFile } from '../image-fixtures.js';
import { type ApiServer, startApi } from '../integration/api-server.js';
import { absoluteError, tolerances } from '../tolerances.js';

let api: ApiServer;
let client: LowrankClient;

beforeAll(async () => {
  api = await startApi();
  client = new LowrankClient({ url: api.url });
  for (const family of ['vit', 'resnet']) {
    const folder = join(api.home, 'models-of-tests', family);
    await writeImageClassifier(family, folder);
    await api.register(folder);
  }
  const folder = join(api.home, 'models-of-tests', 'bert');
  await writeClassifier('bert', folder);
  await api.register(folder);
}, 120_000);
afterAll(() => api[Symbol.asyncDispose]());

test.each(['vit', 'resnet'])(
  'classes of files of images by %s have the probabilities of transformers',
  async (model) => {
    const golden = goldenImages(model);
    const input = golden.map(({ image }) => ({ image: dataUrl(image) }));
    const { results, usage } = await client.classifications.create({ model, input });
    expect(results).toHaveLength(golden.length);
    for (const [i, { probabilities }] of golden.entries()) {
      const found = results[i]!.probabilities.map(({ probability }) => probability);
      expect(absoluteError(found, probabilities)).toBeLessThan(tolerances.logits);
      expect(results[i]!.label).toBe(`LABEL_${probabilities.indexOf(Math.max(...probabilities))}`);
    }
    expect(usage).toEqual({ prompt_tokens: 0, total_tokens: 0 });
  },
);

test('an image as a part of a chat is the same image', async () => {
  const url = dataUrl('rgb.png');
  const [plain, part] = await Promise.all(
    [{ image: url }, { type: 'image_url' as const, image_url: { url } }].map((input) =>
      client.classifications.create({ model: 'vit', input }),
    ),
  );
  expect(part!.results).toEqual(plain!.results);
});

test('an image of a megabyte is read, and one of more than the server takes refused by its size', async () => {
  const photo = 'A'.repeat(1_500_000);
  const answer = await api.call('POST', '/v1/classifications', {
    model: 'vit',
    input: { image: `data:;base64,${photo}` },
  });
  // It came through, and is no image.
  expect(answer).toMatchObject({ status: 400, body: { error: { code: 'image_invalid', param: 'input' } } });
  const huge = await api.call('POST', '/v1/classifications', {
    model: 'vit',
    input: { image: `data:;base64,${'A'.repeat(17 * 1024 * 1024)}` },
  });
  expect(huge).toMatchObject({ status: 413, body: { error: { code: 'body_too_large' } } });
});

const url = dataUrl('rgb.png');
const half = `data:;base64,${imageFile('rgb.png').subarray(0, 700).toString('base64')}`;

test.each<[what: string, model: string, input: unknown, code: string, param: string, words: string]>([
  ['an address', 'vit', { image: 'https://x.org/cat.png' }, 'unsupported', 'input', 'fetches nothing'],
  [
    'no image',
    'vit',
    [{ image: url }, { image: 'data:;base64,AAAA' }],
    'image_invalid',
    'input.1',
    'no image',
  ],
  ['half an image', 'vit', [{ image: half }], 'image_invalid', 'input.0', 'damaged or cut off'],
  ['half a data URL', 'vit', { image: url.slice(0, 801) }, 'image_invalid', 'input', 'base64'],
  ['a mode', 'vit', [{ image: dataUrl('grey-16.png') }], 'image_invalid', 'input.0', '8 bits'],
  ['a bitmap', 'vit', [{ image: 'data:;base64,Qk0AAAAAAAAAAAAA' }], 'unsupported', 'input.0', 'BMP'],
  ['a text', 'vit', 'a text', 'unsupported', 'input', 'classifies images'],
  ['an image', 'bert', { image: url }, 'unsupported', 'input', 'classifies texts'],
])('%s is refused by %s with the reason', async (_, model, input, code, param, words) => {
  const { status, body } = await api.call('POST', '/v1/classifications', { model, input });
  expect(status).toBe(400);
  expect(body.error).toMatchObject({ code, param, message: expect.stringContaining(words) as string });
});

test('texts and images of one request are told apart by what the model reads', async () => {
  const { text } = (await goldenTexts('bert'))[0]!;
  const { status, body } = await api.call('POST', '/v1/classifications', {
    model: 'bert',
    input: [text, { image: url }],
  });
  expect(status).toBe(400);
  expect(body.error.param).toBe('input.1');
});
