/** Prompts as the API takes them: what it asks of the process that answers, and what it refuses. */
import { appendFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type GeneratorTask, generatorTask } from '#contracts/generator-calls.js';
import { chatCompletion, chatCompletionChunk, textCompletion } from '#contracts/http/completions.js';
import { Adapter } from '#platform/database/entities/adapter.js';
import { writeTinyModel } from '../e2e/tiny-job.js';
import { type AnswerBody, type ApiServer, scriptedGenerator, startApi } from './api-server.js';
import { storeAdapter } from './composed-adapters.js';
import { framesOf } from './completion-frames.js';

let api: ApiServer;
let a: string;
let b: string;
/** On a base model that is not registered. */
let unrelated: string;
/** Imported, without a word of its base model. */
let orphan: string;

beforeAll(async () => {
  api = await startApi({ generatorMain: scriptedGenerator });
  await api.smallJob();
  a = await storeAdapter(api.platform, { seed: 1, r: 4 });
  b = await storeAdapter(api.platform, { seed: 2, r: 3 });
  unrelated = await storeAdapter(api.platform, { seed: 3, r: 3, baseIdentity: 'sha256:other' });
  orphan = await storeAdapter(api.platform, { seed: 4, r: 3 });
  await api.platform.database.manager.update(Adapter, { id: orphan }, { baseIdentity: null });
}, 120_000);
afterAll(() => api[Symbol.asyncDispose]());

const complete = (body: object) => api.call('POST', '/v1/completions', { model: 'tiny', ...body });
const chat = (content: unknown, body: object = {}) =>
  api.call('POST', '/v1/chat/completions', {
    model: 'tiny',
    messages: [{ role: 'user', content }],
    ...body,
  });
const textOf = (body: AnswerBody) => textCompletion.parse(body).choices[0]!.text;
const contentOf = (body: AnswerBody) => chatCompletion.parse(body).choices[0]!.message.content!;

/** What the process is asked to do. */
async function taskFor(body: object): Promise<GeneratorTask> {
  return generatorTask.parse(JSON.parse(textOf((await complete({ prompt: 'task', ...body })).body)));
}

const seconds = () => Math.floor(Date.now() / 1000);

describe('what the process is asked', () => {
  test("has OpenAI's defaults where nothing is said", async () => {
    const task = await taskFor({});
    expect(task).toMatchObject({
      prompt: 'task',
      members: [],
      max_tokens: 16,
      temperature: 1,
      top_p: 1,
      stop: [],
    });
    expect(task.base).toMatchObject({ folder: join(api.home, 'models-of-tests', 'tiny'), verified: true });
    expect(task.seed).not.toBe((await taskFor({})).seed);
    const asked = generatorTask.parse(JSON.parse(contentOf((await chat('task')).body)));
    expect(asked).toMatchObject({ prompt: [{ role: 'user', content: 'task' }], max_tokens: null });
  });

  test('has what was said', async () => {
    const said = { max_tokens: 7, temperature: 0, top_p: 0.9, seed: -5, stop: 'x' };
    expect(await taskFor(said)).toMatchObject({ ...said, stop: ['x'] });
    expect(await taskFor({ stop: ['x', 'y'] })).toMatchObject({ stop: ['x', 'y'] });
    expect((await taskFor({ top_p: 0 })).top_p).toBeGreaterThan(0);
    const newer = await chat('task', { max_tokens: 3, max_completion_tokens: 4 });
    expect(JSON.parse(contentOf(newer.body))).toMatchObject({ max_tokens: 4 });
    const parts = await chat([
      { type: 'text', text: 'task ' },
      { type: 'text', text: 'in parts' },
    ]);
    expect(JSON.parse(contentOf(parts.body))).toMatchObject({ prompt: [{ content: 'task in parts' }] });
  });

  test('takes what clients send that changes nothing', async () => {
    const neutral = {
      n: 1,
      frequency_penalty: 0,
      presence_penalty: 0,
      logit_bias: {},
      user: 'me',
      stop: null,
    };
    expect((await complete({ prompt: 'x', ...neutral, best_of: 1, echo: false })).status).toBe(200);
    const ofChats = { response_format: { type: 'text' }, tools: [], tool_choice: 'none', logprobs: false };
    expect((await chat('x', { ...neutral, ...ofChats, metadata: { a: 'b' } })).status).toBe(200);
  });

  test('names the files of each member and its weight, the same files with the same digest', async () => {
    const members = [
      { adapter: a, weight: 0.5 },
      { adapter: b, weight: -2 },
      { adapter: a, weight: 0 },
    ];
    const task = await taskFor({ members });
    expect(task.members.map(({ name, weight }) => [name, weight])).toEqual([
      [a, 0.5],
      [b, -2],
      [a, 0],
    ]);
    const [first, second, third] = task.members.map(({ digest }) => digest);
    expect(third).toBe(first);
    expect(second).not.toBe(first);
    expect((await taskFor({ model: a })).members).toMatchObject([{ digest: first, weight: 1 }]);
  });
});

describe('an answer', () => {
  test("is OpenAI's object, for a chat and for a text", async () => {
    const text = (await complete({ prompt: 'Is it?' })).body;
    expect(text).toEqual({
      id: expect.stringMatching(/^cmpl-\w{24}$/) as string,
      object: 'text_completion',
      created: expect.any(Number) as number,
      model: 'tiny',
      choices: [{ index: 0, text: 'Well, yes.', logprobs: null, finish_reason: 'stop' }],
      usage: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 },
    });
    expect(Math.abs(Number(text['created']) - seconds())).toBeLessThan(10);
    expect((await chat('Is it?')).body).toEqual({
      ...text,
      id: expect.stringMatching(/^chatcmpl-\w{24}$/) as string,
      object: 'chat.completion',
      created: expect.any(Number) as number,
      choices: [
        {
          index: 0,
          message: { role: 'assistant', content: 'Well, yes.', refusal: null },
          logprobs: null,
          finish_reason: 'stop',
        },
      ],
    });
  });

  test('streams as pieces with one id, and counts only where that was asked for', async () => {
    const { text, headers } = await chat('Is it?', { stream: true });
    expect(headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
    expect(headers.get('cache-control')).toBe('no-store, no-transform');
    const frames = framesOf(text);
    expect(frames.pop()).toBe('[DONE]');
    const chunks = frames.map((frame) => chatCompletionChunk.parse(JSON.parse(frame)));
    expect(new Set(chunks.map(({ id }) => id)).size).toBe(1);
    expect(chunks.every((chunk) => !('usage' in chunk))).toBe(true);
    expect(chunks[0]!.choices[0]!.delta).toEqual({ role: 'assistant', content: '' });
    expect(chunks.at(-1)!.choices[0]).toMatchObject({ delta: {}, finish_reason: 'stop' });
    expect(chunks.map(({ choices }) => choices[0]!.delta.content ?? '').join('')).toBe('Well, yes.');
    const counted = framesOf(
      (await complete({ prompt: 'x', stream: true, stream_options: { include_usage: true } })).text,
    );
    const pieces = counted.slice(0, -1).map((frame) => textCompletion.parse(JSON.parse(frame)));
    expect(pieces.at(-1)).toMatchObject({ choices: [], usage: { total_tokens: 5 } });
    expect(pieces.slice(0, -1).every(({ usage }) => usage === null)).toBe(true);
  });
});

const members = (...references: object[]) => ({ members: references.map((one) => ({ weight: 1, ...one })) });
test.each([
  ['an unknown model', () => ({ model: 'absent' }), 404, 'model', 'model_not_found'],
  ['an unknown adapter', () => ({ model: 'adapter-x' }), 404, 'model', 'model_not_found'],
  ['an unknown fine-tuned model', () => ({ model: 'ft:tiny:default::x' }), 404, 'model', 'model_not_found'],
  [
    'an unknown checkpoint',
    () => ({ model: 'ft:tiny:default::x:ckpt-step-3' }),
    404,
    'model',
    'model_not_found',
  ],
  ['an adapter without its base', () => ({ model: unrelated }), 400, 'model', 'base_changed'],
  ['an adapter of a base that is not known', () => ({ model: orphan }), 400, 'model', 'base_unknown'],
  ['no model', () => ({ model: undefined }), 400, 'model', 'invalid_request'],
  ['no members', () => members(), 400, 'members', 'invalid_request'],
  ['65 members', () => members(...Array<object>(65).fill({ adapter: a })), 400, 'members', 'invalid_request'],
  ['an unknown member', () => members({ adapter: 'x' }), 400, 'members.0.adapter', 'adapter_not_found'],
  [
    'an unknown checkpoint as a member',
    () => members({ adapter: a }, { checkpoint: 'x' }),
    400,
    'members.1.checkpoint',
    'checkpoint_not_found',
  ],
  ['a member without an id', () => members({}), 400, 'members.0', 'invalid_request'],
  [
    'a member of another base',
    () => members({ adapter: unrelated }),
    400,
    'members.0.adapter',
    'base_mismatch',
  ],
  [
    'members beside an adapter',
    () => ({ model: a, ...members({ adapter: b }) }),
    400,
    'model',
    'invalid_request',
  ],
  ['more answers than one request may have', () => ({ n: 200 }), 400, 'n', 'invalid_request'],
  ['a temperature above 2', () => ({ temperature: 2.5 }), 400, 'temperature', 'invalid_request'],
  ['a share above 1', () => ({ top_p: 1.5 }), 400, 'top_p', 'invalid_request'],
  ['no tokens', () => ({ max_tokens: 0 }), 400, 'max_tokens', 'invalid_request'],
  ['an empty stop text', () => ({ stop: '' }), 400, 'stop', 'invalid_request'],
  ['five stop texts', () => ({ stop: ['a', 'b', 'c', 'd', 'e'] }), 400, 'stop', 'invalid_request'],
])('%s is refused with the field, whole or as a stream', async (_, body, status, param, code) => {
  for (const stream of [false, true]) {
    for (const answer of [
      await complete({ prompt: 'x', stream, ...body() }),
      await chat('x', { stream, ...body() }),
    ]) {
      const { error } = answer.body;
      expect({ status: answer.status, param: error.param, code: error.code }).toEqual({
        status,
        param,
        code,
      });
    }
  }
});

test.each([
  ['no messages', { messages: [] }, 'messages'],
  ['an unknown role', { messages: [{ role: 'bot', content: 'x' }] }, 'messages.0.role'],
  [
    'a picture',
    { messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'x' } }] }] },
    'messages.0.content',
  ],
  ['a call of nothing', { tool_choice: 'required' }, 'tool_choice'],
  [
    'a call of another function',
    {
      tools: [{ type: 'function', function: { name: 'f' } }],
      tool_choice: { type: 'function', function: { name: 'g' } },
    },
    'tool_choice',
  ],
  [
    'tools beside JSON answers',
    { tools: [{ type: 'function', function: { name: 'f' } }], response_format: { type: 'json_object' } },
    'response_format',
  ],
  ['likeliest tokens without probabilities', { top_logprobs: 2 }, 'top_logprobs'],
])('%s in a chat is refused with the field', async (_, body, param) => {
  const { status, body: answer } = await chat('x', body);
  expect({ status, param: answer.error.param }).toEqual({ status: 400, param });
});

test.each([
  ['prompt_too_long', 'messages', 'context_length_exceeded'],
  ['chat_template_refused', 'messages', 'chat_template_refused'],
  ['base_changed', 'model', 'base_changed'],
  ['logits_not_finite', 'members', 'logits_not_finite'],
])('what the process refuses as %s is about %s', async (code, param, shown) => {
  const answer = await chat(`fail ${code}`, members({ adapter: a }));
  expect(answer.status).toBe(400);
  expect(answer.body.error).toMatchObject({ param, code: shown });
  expect(answer.body.error.message).toContain('as the prompt says');
});

test('what fails in the process stays in the log', async () => {
  const answer = await chat('break');
  expect(answer.status).toBe(500);
  expect(answer.text).not.toContain('secret');
  expect(api.logged.join('')).toContain('secret');
});

describe('a base model', () => {
  test('without a chat template says so, and answers texts', async () => {
    const folder = join(api.home, 'models-of-tests', 'plain');
    await writeTinyModel(folder);
    await rm(join(folder, 'tokenizer_config.json'));
    await api.register(folder);
    const { status, body } = await chat('x', { model: 'plain' });
    expect(status).toBe(400);
    expect(body.error).toMatchObject({ param: 'model', code: 'chat_template_missing' });
    expect(body.error.message).toContain('/v1/completions');
    expect((await complete({ model: 'plain', prompt: 'x' })).status).toBe(200);
    // Its adapters learn conversations in the default template.
    const learned = await storeAdapter(api.platform, { seed: 5, r: 2, model: 'plain' });
    expect((await chat('x', { model: learned })).status).toBe(200);
    const { data } = (await api.call('GET', '/v1/models')).body;
    const chats = Object.fromEntries(data.map(({ id, chat: has }) => [id, has]));
    expect(chats).toMatchObject({ plain: false, tiny: true });
    expect((await api.call('GET', '/v1/models/plain')).body['chat']).toBe(false);
  });

  test('whose chat template cannot be read says that', async () => {
    const folder = join(api.home, 'models-of-tests', 'garbled');
    await writeTinyModel(folder);
    await rm(join(folder, 'tokenizer_config.json'));
    await api.register(folder);
    // As damaged after it was registered: registering refuses it.
    await writeFile(join(folder, 'chat_template.json'), '{"chat_template": 5}');
    const { status, body } = await chat('x', { model: 'garbled' });
    expect({ status, code: body.error.code }).toEqual({ status: 400, code: 'chat_template_unreadable' });
  });

  test('whose files were written to is to be read again by the process', async () => {
    const folder = join(api.home, 'models-of-tests', 'touched');
    await writeTinyModel(folder);
    await api.register(folder);
    expect((await taskFor({ model: 'touched' })).base.verified).toBe(true);
    await appendFile(join(folder, 'config.json'), ' ');
    expect((await taskFor({ model: 'touched' })).base.verified).toBe(false);
  });
});

test('a member whose file was damaged in the store is not answered by', async () => {
  const damaged = await storeAdapter(api.platform, { seed: 9, r: 2 });
  const { files } = await api.platform.database.manager.findOneByOrFail(Adapter, { id: damaged });
  const { key } = files.find(({ path }) => path.endsWith('.safetensors'))!;
  await api.platform.objects.delete(key);
  await api.platform.objects.put(key, Buffer.from('other bytes'));
  const { status, body } = await complete({ prompt: 'x', model: damaged });
  expect(status).toBe(500);
  expect(body.error.code).toBe('internal_error');
  expect(api.logged.join('')).toContain('object_corrupt');
});
