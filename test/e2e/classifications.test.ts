/** Texts classified over HTTP by the process that computes, held against transformers. */
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { LowrankClient } from '#client/client.js';
import { goldenTexts, writeClassifier } from '../classifier-folder.js';
import { type ApiServer, startApi } from '../integration/api-server.js';
import { absoluteError, tolerances } from '../tolerances.js';

let api: ApiServer;
let client: LowrankClient;

beforeAll(async () => {
  api = await startApi();
  client = new LowrankClient({ url: api.url });
  await api.smallJob();
  for (const family of ['bert', 'llama-classifier', 'roberta']) {
    const folder = join(api.home, 'models-of-tests', family);
    await writeClassifier(family, folder);
    await api.register(folder);
  }
}, 120_000);
afterAll(() => api[Symbol.asyncDispose]());

test.each(['bert', 'llama-classifier', 'roberta'])(
  'classes of %s have the probabilities of transformers, the likeliest one first named',
  async (model) => {
    const golden = await goldenTexts(model);
    const input = golden.map(({ text, text_pair }) => ({ text, text_pair }));
    const { results, usage, ...answer } = await client.classifications.create({ model, input });
    expect(answer).toMatchObject({ object: 'classification', model });
    expect(results).toHaveLength(golden.length);
    for (const [i, { expected }] of golden.entries()) {
      const { index, label, probabilities } = results[i]!;
      expect(index).toBe(i);
      expect(label).toBe(`LABEL_${expected.indexOf(Math.max(...expected))}`);
      const found = probabilities.map(({ probability }) => probability);
      expect(absoluteError(found, expected)).toBeLessThan(tolerances.logits);
    }
    const words = input.flatMap(({ text, text_pair }) => `${text} ${text_pair ?? ''}`.trim().split(' '));
    expect(usage).toEqual({ prompt_tokens: words.length, total_tokens: words.length });
  },
);

test('one text without a list has one result', async () => {
  const { results } = await client.classifications.create({ model: 'bert', input: 'w5 w6' });
  expect(results).toHaveLength(1);
});

test('a model of another kind is refused with the route that asks it', async () => {
  const writing = await api.call('POST', '/v1/classifications', { model: 'tiny', input: 'x' });
  expect(writing).toMatchObject({
    status: 400,
    body: {
      error: {
        code: 'unsupported',
        param: 'model',
        message: expect.stringContaining('/v1/completions') as string,
      },
    },
  });
  const telling = await api.call('POST', '/v1/completions', { model: 'bert', prompt: 'w5' });
  expect(telling).toMatchObject({
    status: 400,
    body: {
      error: {
        code: 'unsupported',
        param: 'model',
        message: expect.stringContaining('/v1/classifications') as string,
      },
    },
  });
});

test('a job to learn the next token by a classifier is refused with the reason', async () => {
  const { training_file } = await api.smallJob();
  const answer = await api.call('POST', '/v1/fine_tuning/jobs', { model: 'bert', training_file });
  expect(answer.status).toBe(400);
  expect(answer.body.error.message).toContain(
    'training on the next token needs a model that predicts the next token, and BertForSequenceClassification classifies texts',
  );
});

test.each([
  [{ input: [] }, 'input'],
  [{ input: { text: 'a', pair: 'b' } }, 'input'],
  [{ input: 'w5', top_k: 2 }, 'top_k'],
  [{ input: 'w5 '.repeat(70) }, 'input'],
  [{ input: ' ' }, 'input'],
])('%j is refused', async (body, param) => {
  const { status, body: answer } = await api.call('POST', '/v1/classifications', { model: 'bert', ...body });
  expect(status).toBe(400);
  expect(answer.error.param).toMatch(new RegExp(`^${param}`));
});
