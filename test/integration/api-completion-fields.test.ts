/** Every field that OpenAI's clients can send with a prompt: null, a value that says nothing, and values that say something. */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type GeneratorTask, generatorTask } from '#contracts/generator-calls.js';
import { chatCompletion, chatCompletionChunk, textCompletion } from '#contracts/http/completions.js';
import { type Answer, type ApiServer, scriptedGenerator, startApi } from './api-server.js';
import { framesOf } from './completion-frames.js';

let api: ApiServer;
beforeAll(async () => {
  api = await startApi({ generatorMain: scriptedGenerator });
  await api.smallJob();
}, 120_000);
afterAll(() => api[Symbol.asyncDispose]());

const routes = {
  chat: {
    path: '/v1/chat/completions',
    sound: { model: 'tiny', messages: [{ role: 'user', content: 'task' }], seed: 1 },
    types: ['chat/completions/completions', 'ChatCompletionCreateParamsBase'],
  },
  text: {
    path: '/v1/completions',
    sound: { model: 'tiny', prompt: 'task', seed: 1 },
    types: ['completions', 'CompletionCreateParamsBase'],
  },
} as const;
type Route = keyof typeof routes;

const ask = (route: Route, body: object): Promise<Answer> =>
  api.call('POST', routes[route].path, { ...routes[route].sound, ...body });

/** What the process was asked. */
function taskOf(route: Route, { body }: Answer): GeneratorTask {
  const text =
    route === 'chat'
      ? chatCompletion.parse(body).choices[0]!.message.content!
      : textCompletion.parse(body).choices[0]!.text;
  return generatorTask.parse(JSON.parse(text));
}

/** Fields of the types of the `openai` package. */
async function fieldsOf(route: Route): Promise<string[]> {
  const [file, name] = routes[route].types;
  const folder = dirname(createRequire(import.meta.url).resolve('openai'));
  const text = await readFile(join(folder, 'resources', `${file}.d.ts`), 'utf8');
  const body = new RegExp(`export interface ${name} \\{\\n(.*?)\\n\\}`, 's').exec(text)![1]!;
  return [...body.matchAll(/^ {4}(\w+)\??:/gm)].map(([, field]) => field!);
}

/** What becomes of a value that says something: `asked` reaches the process or shows in the answer. */
type Fate = 'asked' | 'ignored' | 'refused';

interface Field {
  /** Beside null, with which every field may be there. */
  readonly neutral?: readonly unknown[];
  readonly said: readonly (readonly [value: unknown, fate: Fate])[];
  /** Whether it must be there. */
  readonly isRequired?: boolean;
}

const refused = (...values: unknown[]) => values.map((value) => [value, 'refused'] as const);
const asked = (...values: unknown[]) => values.map((value) => [value, 'asked'] as const);
const ignored = (...values: unknown[]) => values.map((value) => [value, 'ignored'] as const);

const ofBoth: Readonly<Record<string, Field>> = {
  model: { isRequired: true, said: refused(5) },
  max_tokens: { said: [...asked(7), ...refused(0, 1.5, '7')] },
  temperature: { said: [...asked(0, 0.5), ...refused(3, -1, '1')] },
  top_p: { said: [...asked(0.5), ...refused(1.5)] },
  n: { neutral: [1], said: [...asked(2), ...refused(0, 129, 1.5)] },
  seed: { said: [...asked(-5, 2 ** 40, 9.2e18), ...refused(1.5, 'x', 1e20)] },
  stop: { neutral: [[]], said: [...asked('a', ['a', 'b']), ...refused('', ['a', 'b', 'c', 'd', 'e'])] },
  stream: { neutral: [false], said: refused('yes') },
  stream_options: { neutral: [{}, { include_usage: false }], said: refused('x', { include_usage: 1 }) },
  frequency_penalty: { neutral: [0], said: [...asked(0.5, -1), ...refused(2.5, '1')] },
  presence_penalty: { neutral: [0], said: [...asked(0.5, -1), ...refused(-3)] },
  logit_bias: { neutral: [{}], said: [...asked({ 50256: -100 }), ...refused({ word: 1 }, { 5: 101 })] },
  user: { said: ignored('me', '') },
};

const chatFields: Readonly<Record<string, Field>> = {
  ...ofBoth,
  messages: { isRequired: true, said: refused([], 'hello') },
  max_completion_tokens: { said: [...asked(9), ...refused(0)] },
  audio: { said: refused({ voice: 'ash', format: 'mp3' }) },
  modalities: { neutral: [['text']], said: refused(['text', 'audio']) },
  function_call: { neutral: ['none', 'auto'], said: refused({ name: 'f' }) },
  functions: { neutral: [[]], said: refused([{ name: 'f' }]) },
  tools: {
    neutral: [[]],
    said: [
      ...asked([{ type: 'function', function: { name: 'f', parameters: { type: 'object' } } }]),
      ...refused(
        [{ type: 'custom', custom: { name: 'f' } }],
        [{ type: 'function', function: { name: 'f f' } }],
      ),
    ],
  },
  tool_choice: { neutral: ['none', 'auto'], said: refused('required', { type: 'function' }) },
  parallel_tool_calls: { said: ignored(true, false) },
  logprobs: { neutral: [false], said: [...asked(true), ...refused(1)] },
  // Nothing without `logprobs`.
  top_logprobs: { neutral: [0], said: refused(3, 21) },
  response_format: {
    neutral: [{ type: 'text' }],
    said: [
      ...asked(
        { type: 'json_object' },
        { type: 'json_schema', json_schema: { name: 'a', schema: { type: 'object' } } },
      ),
      ...refused({ type: 'grammar' }, { type: 'json_schema', json_schema: { schema: {} } }, 'json'),
    ],
  },
  reasoning_effort: { neutral: ['none', 'medium'], said: refused('high') },
  verbosity: { neutral: ['medium'], said: refused('low') },
  moderation: { said: refused({ model: 'm' }) },
  web_search_options: { said: refused({}, { search_context_size: 'low' }) },
  store: { neutral: [false], said: refused(true) },
  metadata: { neutral: [{}], said: ignored({ team: 'a' }) },
  prediction: { said: ignored({ type: 'content', content: 'x' }) },
  prompt_cache_key: { said: ignored('k') },
  prompt_cache_options: { neutral: [{}], said: ignored({ mode: 'explicit' }) },
  prompt_cache_retention: { said: ignored('24h') },
  safety_identifier: { said: ignored('me') },
  service_tier: { said: ignored('auto', 'flex') },
};

const textFields: Readonly<Record<string, Field>> = {
  ...ofBoth,
  prompt: { said: [...asked(['task', 'task']), ...refused([], 5, [1, 'a'], [[]], [-1], [1.5])] },
  best_of: { neutral: [1], said: refused(2, 0) },
  echo: { neutral: [false], said: refused(true) },
  suffix: { neutral: [''], said: refused('end') },
  logprobs: { said: [...asked(0, 3), ...refused(6, true)] },
};

describe.each([
  ['chat', chatFields],
  ['text', textFields],
] as const)('a %s', (route, table) => {
  const entries = Object.entries(table);

  test("is asked with the fields of OpenAI's client, which are all in this table", async () => {
    expect(Object.keys(table).toSorted()).toEqual((await fieldsOf(route)).toSorted());
  });

  test('takes null for every field that need not be there, each alone and all at once', async () => {
    const names = entries.filter(([, { isRequired }]) => !isRequired).map(([name]) => name);
    const { prompt: _, ...nulls } = Object.fromEntries(names.map((name) => [name, null]));
    const all = await ask(route, nulls);
    expect(all.status, all.text).toBe(200);
    for (const name of names) {
      const { status, headers } = await ask(route, { [name]: null });
      expect({ name, status }).toEqual({ name, status: 200 });
      expect(headers.has('warning')).toBe(false);
    }
  });

  test('is the same with every value that says nothing', async () => {
    const plain = taskOf(route, await ask(route, {}));
    for (const [name, { neutral = [] }] of entries) {
      for (const value of neutral) {
        const answer = await ask(route, { [name]: value });
        expect({ name, value, status: answer.status }).toEqual({ name, value, status: 200 });
        expect(answer.headers.has('warning')).toBe(false);
        expect(taskOf(route, answer)).toEqual(plain);
      }
    }
  });

  test('does, leaves alone or refuses by name what every other value says', async () => {
    const plain = JSON.stringify(taskOf(route, await ask(route, {})));
    const fateOf = (answer: Answer): { fate: Fate; param: string | null } => {
      if (answer.status === 400)
        return { fate: 'refused', param: answer.body.error.param!.replace(/\..*/, '') };
      const isOne = (answer.body['choices'] as unknown[]).length === 1;
      const isSame = isOne && JSON.stringify(taskOf(route, answer)) === plain;
      return { fate: isSame ? 'ignored' : 'asked', param: null };
    };
    for (const [name, { said }] of entries) {
      for (const [value, fate] of said) {
        const what = `${name}: ${JSON.stringify(value)}`;
        expect(fateOf(await ask(route, { [name]: value })), what).toEqual({
          fate,
          param: fate === 'refused' ? name : null,
        });
      }
    }
  });

  test('tells in a header of fields that nobody knows', async () => {
    const body = { top_k: 5, 'chat"template': { a: 1 }, nothing: null, stream_options: { speed: 1 } };
    for (const stream of [false, true]) {
      const { status, headers } = await ask(route, { ...body, stream });
      expect(status).toBe(200);
      const warning = headers.get('warning');
      expect(warning).toBe('299 - "unknown fields, ignored: top_k, chat?template, stream_options.speed"');
    }
  });

  test("refuses what is another's by the name of its field", async () => {
    const other = route === 'chat' ? textFields : chatFields;
    const names = Object.keys(other).filter((name) => !(name in table));
    expect(names.length).toBeGreaterThan(2);
    for (const name of names) {
      const { said, neutral = [] } = other[name]!;
      for (const value of [null, ...neutral]) expect((await ask(route, { [name]: value })).status).toBe(200);
      const [value, fate] = said[0]!;
      const { status, body } = await ask(route, { [name]: value });
      expect({ name, status }).toEqual({ name, status: fate === 'ignored' ? 200 : 400 });
      expect(body.error?.param ?? name).toBe(name);
    }
  });
});

test('an unknown field of our own is a mistake', async () => {
  const { status, body } = await ask('chat', { members: [{ adapter: 'a', weight: 1, wieght: 2 }] });
  expect({ status, param: body.error.param }).toEqual({ status: 400, param: 'members.0.wieght' });
});

describe('what was said in a chat', () => {
  const turns = async (...messages: object[]) => {
    const answer = await ask('chat', { messages: [...messages, { role: 'user', content: 'task' }] });
    expect(answer.status, answer.text).toBe(200);
    return { prompt: taskOf('chat', answer).prompt, warning: answer.headers.get('warning') };
  };
  const user = { role: 'user', content: 'Hi.' };

  test("holds the server's own answer as the clients give it back", async () => {
    const answer = chatCompletion.parse((await ask('chat', { messages: [user] })).body);
    const { message } = answer.choices[0]!;
    const ofPython = { annotations: null, audio: null, function_call: null, tool_calls: null };
    for (const back of [
      message,
      { ...message, ...ofPython },
      { ...message, annotations: [], tool_calls: [], parsed: null },
      { ...message, refusal: undefined, name: null },
    ]) {
      const { prompt, warning } = await turns(user, back);
      expect(prompt).toEqual([
        user,
        { role: 'assistant', content: 'Well, yes.' },
        { role: 'user', content: 'task' },
      ]);
      expect(warning).toBeNull();
    }
  });

  test('holds calls without a content, and their results', async () => {
    const call = { id: 'call_1', type: 'function', function: { name: 'f', arguments: '{"a": 1}' } };
    const { prompt } = await turns(
      user,
      { role: 'assistant', content: null, tool_calls: [call] },
      { role: 'tool', tool_call_id: 'call_1', content: [{ type: 'text', text: '2' }] },
      { role: 'assistant', function_call: { name: 'g', arguments: '{}' } },
      { role: 'function', name: 'g', content: null },
    );
    expect(prompt).toEqual([
      user,
      { role: 'assistant', content: null, tool_calls: [call] },
      { role: 'tool', tool_call_id: 'call_1', content: '2' },
      {
        role: 'assistant',
        content: null,
        tool_calls: [{ type: 'function', function: { name: 'g', arguments: '{}' } }],
      },
      { role: 'tool', name: 'g', content: '' },
      { role: 'user', content: 'task' },
    ]);
  });

  test('holds refusals and names', async () => {
    const { prompt } = await turns(
      { role: 'developer', content: 'Be kind.', name: 'boss' },
      user,
      { role: 'assistant', content: null, refusal: 'No.' },
      user,
      { role: 'assistant', content: [{ type: 'refusal', refusal: 'Never.' }] },
    );
    expect(prompt).toMatchObject([
      { role: 'developer', name: 'boss' },
      user,
      { role: 'assistant', content: 'No.' },
      user,
      { role: 'assistant', content: 'Never.' },
      { content: 'task' },
    ]);
  });

  test('holds what the assistant thought', async () => {
    const thought = { role: 'assistant', content: 'a', reasoning_content: 'Hm.', thinking: null };
    expect((await turns(user, thought)).prompt).toContainEqual({
      role: 'assistant',
      content: 'a',
      reasoning_content: 'Hm.',
    });
  });

  test('is told of in a header where the model does not see it', async () => {
    for (const stream of [false, true]) {
      const { status, headers } = await ask('chat', {
        messages: [{ role: 'user', content: 'hide messages.0.name' }],
        top_k: 1,
        stream,
      });
      expect(status).toBe(200);
      expect(headers.get('warning')).toBe(
        '299 - "unknown fields, ignored: top_k", 299 - "not shown by the model\'s chat template: messages.0.name"',
      );
    }
  });

  test('is told of where nobody knows it', async () => {
    const { warning } = await turns(user, {
      role: 'assistant',
      content: 'a',
      annotations: [{ type: 'url' }],
    });
    expect(warning).toContain('messages.1.annotations');
  });

  test.each([
    ['no content', { role: 'assistant', content: null }, 'content'],
    ['no content and no calls', { role: 'assistant', tool_calls: [] }, 'content'],
    ['no text of a person', { role: 'user', content: null }, 'content'],
    ['an unknown role', { role: 'bot', content: 'a' }, 'role'],
    ['no role', { content: 'a' }, 'role'],
    ['a picture', { role: 'user', content: [{ type: 'image_url', image_url: { url: 'x' } }] }, 'content'],
    ['a sound', { role: 'assistant', content: 'a', audio: { id: 'x' } }, 'audio'],
    [
      'a call of another kind',
      { role: 'assistant', tool_calls: [{ id: 'a', type: 'custom', custom: {} }] },
      'tool_calls',
    ],
    [
      'a call without arguments',
      { role: 'assistant', tool_calls: [{ function: { name: 'f' } }] },
      'tool_calls',
    ],
  ])('is refused by its field: %s', async (_, message, field) => {
    const { status, body } = await ask('chat', { messages: [user, message] });
    expect(status).toBe(400);
    expect(body.error.param).toMatch(new RegExp(`^messages\\.1\\.${field}`));
  });
});

describe('many answers', () => {
  test('to a list of prompts come in its order, told apart by their number', async () => {
    const prompt = ['task one', 'Is it?', 'task three'];
    const { body } = await ask('text', { prompt });
    const { choices, usage } = textCompletion.parse(body);
    expect(choices.map(({ index }) => index)).toEqual([0, 1, 2]);
    expect(JSON.parse(choices[2]!.text)).toMatchObject({ prompt: 'task three', request: 0 });
    expect(choices[1]!.text).toBe('Well, yes.');
    expect(usage).toEqual({ prompt_tokens: 9, completion_tokens: 4, total_tokens: 13 });
  });

  test('to one prompt count it once and differ under one seed', async () => {
    const { body } = await ask('text', { prompt: ['task', 'task'], n: 3 });
    const { choices, usage } = textCompletion.parse(body);
    const tasks = choices.map(({ text }) => JSON.parse(text) as GeneratorTask);
    expect(tasks.map(({ request }) => request)).toEqual([0, 1, 2, 0, 1, 2]);
    expect(new Set(tasks.map(({ seed }) => seed))).toEqual(new Set([1]));
    expect(usage).toMatchObject({ prompt_tokens: 6, completion_tokens: 6 });
    const chat = chatCompletion.parse((await ask('chat', { n: 2 })).body);
    expect(chat.choices.map(({ index }) => index)).toEqual([0, 1]);
  });

  test('stream with their numbers', async () => {
    const { text } = await ask('chat', { n: 2, stream: true, stream_options: { include_usage: true } });
    const frames = framesOf(text);
    expect(frames.pop()).toBe('[DONE]');
    const chunks = frames.map((frame) => chatCompletionChunk.parse(JSON.parse(frame)));
    for (const index of [0, 1]) {
      const own = chunks.flatMap(({ choices }) => choices.filter((choice) => choice.index === index));
      expect(own[0]!.delta.role).toBe('assistant');
      expect(own.at(-1)!.finish_reason).toBe('stop');
      expect(JSON.parse(own.map(({ delta }) => delta.content ?? '').join(''))).toMatchObject({
        request: index,
      });
    }
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { prompt_tokens: 3, completion_tokens: 2 } });
  });

  test('are no more than 128', async () => {
    const prompt = Array<string>(65).fill('x');
    expect((await ask('text', { prompt, n: 2 })).body.error).toMatchObject({ param: 'n' });
    expect((await ask('text', { prompt: Array<string>(129).fill('x') })).body.error.param).toBe('prompt');
    expect((await ask('text', { prompt: Array<string>(128).fill('x') })).status).toBe(200);
  });
});

describe('token ids', () => {
  const promptsOf = async (prompt: unknown) => {
    // The process says in its answer what it was asked, whatever the prompt is.
    const { body, text, status } = await ask('text', { prompt });
    expect(status, text).toBe(200);
    return textCompletion
      .parse(body)
      .choices.map((choice) => (JSON.parse(choice.text) as GeneratorTask).prompt);
  };

  test('go to the model as they are, one list or many', async () => {
    expect(await promptsOf([1, 2, 3])).toEqual([[1, 2, 3]]);
    expect(await promptsOf([[1, 2], [0]])).toEqual([[1, 2], [0]]);
  });

  test('that there are none of begin a new document', async () => {
    expect(await promptsOf(null)).toEqual([[]]);
  });
});

test('pieces of a stream are filled up to lengths that tell nothing of their text', async () => {
  for (const route of ['chat', 'text'] as const) {
    const { text } = await api.call('POST', routes[route].path, {
      ...routes[route].sound,
      ...(route === 'chat' ? { messages: [{ role: 'user', content: 'Is it?' }] } : { prompt: 'Is it?' }),
      stream: true,
      stream_options: { include_obfuscation: true },
    });
    const lengths = framesOf(text).flatMap((frame) =>
      frame.includes('"obfuscation"') ? [frame.length % 64] : [],
    );
    expect(lengths).toEqual([0, 0]);
  }
});

test('the tier of service is told where one was asked for', async () => {
  expect((await ask('chat', { service_tier: 'flex' })).body['service_tier']).toBe('default');
  expect((await ask('chat', {})).body).not.toHaveProperty('service_tier');
});
