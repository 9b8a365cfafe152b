/** Chats with a model of every family over HTTP, held against answers that are made without keeping anything of a token. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { loadChatTemplate } from '#data/chat-template.js';
import { loadTokenizer } from '#data/load-tokenizer.js';
import { BucketModel } from '#generation/bucket-model.js';
import { openModelFolder } from '#models/model-folder.js';
import { oneOfEachFamily } from '../families.js';
import { type ApiServer, startApi } from '../integration/api-server.js';
import { writeRandomModel } from './tiny-job.js';

let api: ApiServer;
beforeAll(async () => void (api = await startApi()), 120_000);
afterAll(() => api[Symbol.asyncDispose]());

const messages = [{ role: 'user', content: 'What is 3 plus 4?' }];
const answerLength = 6;
type Json = Record<string, unknown>;

/** The configuration of a golden model, with the vocabulary of the tokenizer and room for a chat. */
function configOf(family: string): Json {
  const file = join(import.meta.dirname, '../fixtures/families', family, 'config.json');
  const config = JSON.parse(readFileSync(file, 'utf8')) as Json;
  const fitted = (config: Json): Json => ({
    ...config,
    vocab_size: 720,
    ...('vocab_size_per_layer_input' in config ? { vocab_size_per_layer_input: 720 } : {}),
    ['n_positions' in config ? 'n_positions' : 'max_position_embeddings']: 128,
  });
  const { text_config: text } = config;
  return text ? { ...config, text_config: fitted(text as Json) } : fitted(config);
}

/** The likeliest answer, every token of it from a run over all that came before. */
async function uncached(folder: string): Promise<string> {
  const tokenizer = await loadTokenizer(folder);
  const template = await loadChatTemplate(folder, tokenizer);
  const model = await openModelFolder(folder, { tokenizer: 'required' });
  const text = template.open(messages, { addGenerationPrompt: true }).render();
  const prompt = tokenizer.encode(text, { addSpecialTokens: false });
  const options = { device: 'cpu', threads: 1, spin: false, cacheFolder: undefined } as const;
  const buckets = BucketModel.create({ model, modules: [], runner: { kind: 'compiled', ...options } });
  const tokens: number[] = [];
  while (tokens.length < answerLength) {
    const logits = await buckets.open(undefined).extend([...prompt, ...tokens]);
    tokens.push(logits.indexOf(Math.max(...logits)));
  }
  await buckets.close();
  return tokenizer.decode(tokens, { skipSpecialTokens: true });
}

test.each(oneOfEachFamily)('%s', async (family) => {
  const folder = join(api.home, 'models-of-tests', family);
  await writeRandomModel(folder, configOf(family));
  await api.register(folder);
  const body = { model: family, messages, temperature: 0, max_tokens: answerLength };
  const { status, text, body: answer } = await api.call('POST', '/v1/chat/completions', body);
  expect(status, text).toBe(200);
  const [{ message }] = answer['choices'] as [{ message: { content: string } }];
  expect(message.content).toBe(await uncached(folder));
});
