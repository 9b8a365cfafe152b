import { afterEach, expect, test } from 'vitest';
import { sendError, type StubAnswer, type StubServer, stubServer } from '../../test/stub-server.js';
import { LowrankClient } from './client.js';

const servers: StubServer[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

async function serve(answer: StubAnswer) {
  const server = await stubServer(answer);
  servers.push(server);
  return { completions: new LowrankClient({ url: server.url }).completions, seen: server.seen };
}

const chunk = (text: string, finish: string | null = null) => ({
  id: 'cmpl-1',
  created: 0,
  model: 'tiny',
  object: 'text_completion',
  choices: [{ index: 0, logprobs: null, text, finish_reason: finish }],
});
const delta = (content?: string, finish: string | null = null) => ({
  id: 'cmpl-1',
  created: 0,
  model: 'tiny',
  object: 'chat.completion.chunk',
  choices: [{ index: 0, logprobs: null, delta: { content }, finish_reason: finish }],
});
const frames = (...events: unknown[]) => events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join('');

const answering =
  (text: string): StubAnswer =>
  (_, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.end(text);
  };

async function read(pieces: AsyncGenerator<string, string | null>) {
  const texts: string[] = [];
  for (;;) {
    const { done, value } = await pieces.next();
    if (done) return { texts, finish: value };
    texts.push(value);
  }
}

test('a text and a conversation are answered piece by piece, with the reason of their end', async () => {
  const text = await serve(answering(`${frames(chunk('a'), chunk('', 'length'))}data: [DONE]\n\n`));
  const question = { model: 'tiny', prompt: 'x', max_tokens: 2 };
  expect(await read(text.completions.answer(question))).toEqual({ texts: ['a'], finish: 'length' });
  expect(text.seen[0]!.path).toBe('/v1/completions');
  expect(JSON.parse(text.seen[0]!.body)).toEqual({ ...question, stream: true });
  const chat = await serve(
    answering(`${frames(delta('b'), delta('c'), delta(undefined, 'stop'))}data: [DONE]\n\n`),
  );
  const answer = chat.completions.answer({ model: 'tiny', messages: [{ role: 'user', content: 'x' }] });
  expect(await read(answer)).toEqual({ texts: ['b', 'c'], finish: 'stop' });
  expect(chat.seen[0]!.path).toBe('/v1/chat/completions');
});

test('an error in the middle has the code and message of the server', async () => {
  const error = { message: 'died', type: 'server_error', param: null, code: 'generator_died' };
  const { completions } = await serve(answering(frames(chunk('a'), { error })));
  await expect(read(completions.answer({ model: 'tiny', prompt: 'x' }))).rejects.toMatchObject({
    code: 'generator_died',
    message: 'died',
  });
});

test('an answer without its end is an error, and so is one that is no answer', async () => {
  const cut = await serve(answering(frames(chunk('a'))));
  await expect(read(cut.completions.answer({ model: 'tiny', prompt: 'x' }))).rejects.toMatchObject({
    code: 'server_unreachable',
  });
  const other = await serve(answering(frames({ choices: 7 })));
  await expect(read(other.completions.answer({ model: 'tiny', prompt: 'x' }))).rejects.toMatchObject({
    code: 'answer_unexpected',
  });
});

test('a refusal is thrown before the first piece', async () => {
  const { completions, seen } = await serve((_, response) =>
    sendError(response, 429, { message: 'crowded', code: 'too_many_prompts' }),
  );
  await expect(read(completions.answer({ model: 'tiny', prompt: 'x' }))).rejects.toMatchObject({
    code: 'too_many_prompts',
  });
  expect(seen).toHaveLength(1);
});
