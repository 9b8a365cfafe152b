/** Prompts answered over HTTP by the process that computes, held against the library called directly. */
import { readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import OpenAI, { BadRequestError, NotFoundError } from 'openai';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { LiveComposition } from '#adapters/live-composition.js';
import { openAdapter } from '#adapters/read-adapter.js';
import { loadChatTemplate } from '#data/chat-template.js';
import { loadTokenizer } from '#data/load-tokenizer.js';
import { createGenerator, type Completion } from '#generation/generator.js';
import { openModelFolder } from '#models/model-folder.js';
import { Adapter } from '#platform/database/entities/adapter.js';
import { Checkpoint } from '#platform/database/entities/checkpoint.js';
import { newId } from '#platform/ids.js';
import { eventually } from '../contract/waiting.js';
import { type ApiServer, startApi } from '../integration/api-server.js';
import { storeAdapter } from '../integration/composed-adapters.js';
import { writeTinyModel } from './tiny-job.js';

let api: ApiServer;
let openai: OpenAI;
let a: string;
let b: string;
let checkpoint: { id: string; name: string };

const messages = [
  { role: 'system' as const, content: 'Answer in one word.' },
  { role: 'user' as const, content: 'What is 3 plus 4?' },
];
const greedy = { temperature: 0, max_tokens: 12 };

beforeAll(async () => {
  api = await startApi();
  openai = new OpenAI({ baseURL: `${api.url}/v1`, apiKey: 'none', maxRetries: 0 });
  const job = await api.smallJob();
  a = await storeAdapter(api.platform, { seed: 1, r: 4 });
  b = await storeAdapter(api.platform, { seed: 2, r: 3 });
  checkpoint = await storeCheckpoint(job, b);
}, 120_000);
afterAll(() => api[Symbol.asyncDispose]());

/** A checkpoint of a job with the files of an adapter. */
async function storeCheckpoint(job: object, adapter: string): Promise<{ id: string; name: string }> {
  const { manager } = api.platform.database;
  const { id: jobId } = (await api.call('POST', '/v1/fine_tuning/jobs', job)).body;
  const { files } = await manager.findOneByOrFail(Adapter, { id: adapter });
  const id = newId('ftckpt');
  await manager.insert(Checkpoint, { id, jobId, step: 5, attempt: 1, files, metrics: {} });
  const listed = (await api.call('GET', `/v1/fine_tuning/jobs/${jobId}/checkpoints`)).body.data;
  return { id, name: String(listed[0]!['fine_tuned_model_checkpoint']) };
}

/** What the library answers by itself. */
async function direct(
  prompt: string | typeof messages,
  members: readonly (readonly [id: string, weight: number])[] = [],
): Promise<Completion> {
  const folder = join(api.home, 'models-of-tests', 'tiny');
  const model = await openModelFolder(folder, { tokenizer: 'required' });
  const tokenizer = await loadTokenizer(folder);
  const listed = await Promise.all(
    members.map(async ([id, weight]) => ({
      adapter: await openAdapter(join(api.home, 'adapters-of-tests', id)),
      weight,
    })),
  );
  const generator = createGenerator({
    model,
    tokenizer,
    template: await loadChatTemplate(folder, tokenizer),
    composition: listed.length > 0 ? await LiveComposition.open(listed) : undefined,
    runner: { kind: 'compiled', device: 'cpu', threads: 1, spin: true, cacheFolder: undefined },
  });
  try {
    return await generator.complete(prompt, { maxTokens: greedy.max_tokens });
  } finally {
    await generator.close();
  }
}

async function ask(model: string, members?: readonly (readonly [id: string, weight: number])[]) {
  const body = {
    ...greedy,
    model,
    messages,
    ...(members ? { members: members.map(([adapter, weight]) => ({ adapter, weight })) } : {}),
  };
  const answer = await openai.chat.completions.create(body);
  return answer.choices[0]!.message.content;
}

describe('the likeliest answer', () => {
  test('of a base model is what the library gives, with its counts', async () => {
    const expected = await direct(messages);
    const answer = await openai.chat.completions.create({ ...greedy, model: 'tiny', messages });
    expect(answer).toMatchObject({
      object: 'chat.completion',
      model: 'tiny',
      choices: [
        {
          index: 0,
          message: { role: 'assistant', content: expected.text },
          finish_reason: expected.finishReason,
        },
      ],
      usage: {
        prompt_tokens: expected.promptTokens,
        completion_tokens: expected.tokens.length,
        total_tokens: expected.promptTokens + expected.tokens.length,
      },
    });
  });

  test('of an adapter, by id and by name, is its own', async () => {
    const { text } = await direct(messages, [[a, 1]]);
    expect(text).not.toBe((await direct(messages)).text);
    expect(await ask(a)).toBe(text);
    expect(await ask(`ft:tiny:default::${a}`)).toBe(text);
  });

  test('of a checkpoint, by id and by the name of its model, is that of the adapter in it', async () => {
    const { text } = await direct(messages, [[b, 1]]);
    expect(await ask(checkpoint.name)).toBe(text);
    expect(await ask(checkpoint.id)).toBe(text);
  });

  test('of weighted members follows the weights, whatever was asked before', async () => {
    const weights: (readonly [number, number])[] = [
      [0.8, -0.5],
      [0, 1.5],
      [0, 0],
      [1, 0],
      [0.8, -0.5],
    ];
    for (const [first, second] of weights) {
      const members = [
        [a, first],
        [b, second],
      ] as const;
      const isBase = first === 0 && second === 0;
      const { text } = await direct(messages, isBase ? [] : members);
      expect(await ask('tiny', members), JSON.stringify(members)).toBe(text);
      expect(await ask('tiny', members.toReversed())).toBe(text);
    }
  });

  test('of several weights at once is that of each alone', async () => {
    const weights = [
      [0, 0],
      [1, 0],
      [0, 1],
      [0.8, -0.5],
      [-1, 2],
    ] as const;
    const lists = weights.map(
      ([first, second]) =>
        [
          [a, first],
          [b, second],
        ] as const,
    );
    const alone: (string | null)[] = [];
    for (const members of lists) alone.push(await ask('tiny', members));
    expect(new Set(alone).size).toBeGreaterThan(3);
    expect(await Promise.all(lists.map((members) => ask('tiny', members)))).toEqual(alone);
  });

  test('of a text goes on with it', async () => {
    const expected = await direct('The sum of 3 and 4');
    const answer = await openai.completions.create({
      ...greedy,
      model: 'tiny',
      prompt: 'The sum of 3 and 4',
    });
    expect(answer).toMatchObject({
      object: 'text_completion',
      choices: [{ text: expected.text, finish_reason: expected.finishReason }],
      usage: { prompt_tokens: expected.promptTokens },
    });
  });
});

describe('several prompts', () => {
  const texts = ['The sum of 3 and 4', 'One word:', 'The sum of 3 and 4'];

  test('are answered as each alone, also as token ids and as a stream', async () => {
    const alone = await Promise.all(texts.map((text) => direct(text)));
    const answer = await openai.completions.create({ ...greedy, model: 'tiny', prompt: texts });
    expect(answer.choices.map(({ text }) => text)).toEqual(alone.map(({ text }) => text));
    expect(answer.usage!.prompt_tokens).toBe(alone.reduce((sum, { promptTokens }) => sum + promptTokens, 0));
    const tokenizer = await loadTokenizer(join(api.home, 'models-of-tests', 'tiny'));
    const ids = texts.map((text) => [
      ...tokenizer.prefix,
      ...tokenizer.encode(text, { addSpecialTokens: false }),
    ]);
    const ofIds = await openai.completions.create({ ...greedy, model: 'tiny', prompt: ids });
    expect(ofIds.choices).toEqual(answer.choices);
    const first = await openai.completions.create({ ...greedy, model: 'tiny', prompt: ids[0]! });
    expect(first.choices).toEqual([answer.choices[0]]);
    const streamed = texts.map(() => '');
    const stream = await openai.completions.create({ ...greedy, model: 'tiny', prompt: texts, stream: true });
    for await (const { choices } of stream) for (const { index, text } of choices) streamed[index] += text;
    expect(streamed).toEqual(alone.map(({ text }) => text));
  });

  test('and several answers differ under one seed, the same ones each time', async () => {
    const sampled = async () => {
      const request = { model: 'tiny', messages, max_tokens: 12, temperature: 1.5, seed: 3, n: 3 };
      return (await openai.chat.completions.create(request)).choices.map(({ message }) => message.content);
    };
    const answers = await sampled();
    expect(new Set(answers).size).toBe(3);
    expect(await sampled()).toEqual(answers);
  });

  test('with a token that is none are refused by the field', async () => {
    const asked = openai.completions.create({ ...greedy, model: 'tiny', prompt: [1, 2_000_000] });
    await expect(asked).rejects.toMatchObject({ status: 400, param: 'prompt', code: 'token_out_of_range' });
  });

  test('of nothing begin a new document', async () => {
    const answer = await openai.completions.create({ ...greedy, model: 'tiny', prompt: null });
    expect(answer.usage).toMatchObject({ prompt_tokens: 1 });
  });
});

describe('a stream', () => {
  test('of a chat has the pieces of the whole answer', async () => {
    const whole = await openai.chat.completions.create({ ...greedy, model: a, messages });
    const stream = await openai.chat.completions.create({
      ...greedy,
      model: a,
      messages,
      stream: true,
      stream_options: { include_usage: true },
    });
    const chunks: OpenAI.ChatCompletionChunk[] = [];
    for await (const chunk of stream) chunks.push(chunk);
    const texts = chunks.flatMap(({ choices }) => choices.map(({ delta }) => delta.content ?? ''));
    expect(texts.length).toBeGreaterThan(5);
    expect(texts.join('')).toBe(whole.choices[0]!.message.content);
    expect(chunks[0]!.choices[0]!.delta).toEqual({ role: 'assistant', content: '' });
    expect(chunks.at(-2)!.choices[0]!.finish_reason).toBe(whole.choices[0]!.finish_reason);
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: whole.usage });
    expect(new Set(chunks.map(({ id }) => id)).size).toBe(1);
    expect(chunks.slice(0, -1).every(({ usage }) => usage === null)).toBe(true);
  });

  test('of a text ends in [DONE]', async () => {
    const { text } = await direct('The sum of 3 and 4');
    const answer = await fetch(`${api.url}/v1/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ ...greedy, model: 'tiny', prompt: 'The sum of 3 and 4', stream: true }),
    });
    expect(answer.headers.get('content-type')).toContain('text/event-stream');
    const frames = (await answer.text()).trim().split('\n\n');
    expect(frames.at(-1)).toBe('data: [DONE]');
    const pieces = frames
      .filter((frame) => frame.startsWith('data: {'))
      .map((frame) => JSON.parse(frame.slice(6)) as { choices: { text: string }[] });
    expect(pieces.map(({ choices }) => choices[0]!.text).join('')).toBe(text);
  });
});

test('a second turn takes the answer of the first as it came', async () => {
  const first = await openai.chat.completions.create({ ...greedy, model: 'tiny', messages });
  const { message } = first.choices[0]!;
  const second = await openai.chat.completions.create({
    ...greedy,
    model: 'tiny',
    messages: [...messages, message, { role: 'user', content: 'Are you sure?' }],
  });
  expect(second.usage!.prompt_tokens).toBeGreaterThan(first.usage!.prompt_tokens);
});

test('a seed gives the same answer again, and no seed another one', async () => {
  const sampled = async (seed?: number) => {
    const request = { model: 'tiny', messages, max_tokens: 12, temperature: 1.5, seed };
    return (await openai.chat.completions.create(request)).choices[0]!.message.content;
  };
  expect(await sampled(7)).toBe(await sampled(7));
  const others = new Set([await sampled(), await sampled(), await sampled(8)]);
  expect(others.size).toBe(3);
});

test('an answer ends before a stop text', async () => {
  const { text } = await direct(messages);
  const stop = text.slice(4, 6);
  const answer = await openai.chat.completions.create({ ...greedy, model: 'tiny', messages, stop });
  expect(answer.choices[0]).toMatchObject({
    message: { content: text.slice(0, text.indexOf(stop)) },
    finish_reason: 'stop',
  });
});

test('a prompt that is too long is refused, as a stream too', async () => {
  const long = [{ role: 'user' as const, content: 'word '.repeat(400) }];
  for (const stream of [true, false]) {
    const asked = openai.chat.completions.create({ model: 'tiny', messages: long, stream });
    const error = await asked.then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(error).toBeInstanceOf(BadRequestError);
    expect(error).toMatchObject({ code: 'context_length_exceeded', param: 'messages' });
  }
});

test('a model that is not there is not found', async () => {
  const asked = openai.chat.completions.create({ model: 'absent', messages });
  await expect(asked).rejects.toBeInstanceOf(NotFoundError);
});

describe('the process', () => {
  /** The last one that was started. */
  const pid = () => Number([...api.logged.join('').matchAll(/"generator":(\d+)/g)].at(-1)![1]);
  const long = { model: 'prose-4m', prompt: 'The sea', max_tokens: 450, stream: true } as const;
  const cancelled = async () =>
    Number(/_count{end="cancelled"} (\d+)/.exec((await api.call('GET', '/metrics')).text)?.[1] ?? 0);

  test('keeps its compiled graphs in the home', async () => {
    await ask('tiny');
    expect((await readdir(join(api.home, 'cache', 'graphs'))).length).toBeGreaterThan(0);
  });

  test('lets answers grow side by side', async () => {
    const order: string[] = [];
    const read = async (name: string) => {
      for await (const _ of await openai.completions.create({ ...long, max_tokens: 150 }))
        if (!order.includes(name)) order.push(name);
      order.push(`${name} ended`);
    };
    await Promise.all([read('one'), read('two')]);
    expect(order.slice(0, 2).toSorted()).toEqual(['one', 'two']);
  });

  test('stops at the next token when the client goes', async () => {
    const before = await cancelled();
    const stream = await openai.completions.create(long);
    for await (const _ of stream) break;
    await eventually(async () => expect(await cancelled()).toBe(before + 1));
    expect(await ask('tiny')).toBe((await direct(messages)).text);
  });

  test('is started anew when it was killed', async () => {
    const killed = pid();
    const stream = await openai.completions.create(long);
    const read = async () => {
      for await (const _ of stream) process.kill(killed, 'SIGKILL');
    };
    await expect(read()).rejects.toMatchObject({ code: 'generator_died' });
    expect(await ask('tiny')).toBe((await direct(messages)).text);
    expect(pid()).not.toBe(killed);
  });
});

describe('a base model', () => {
  const folderOf = (name: string) => join(api.home, 'models-of-tests', name);

  test('without a chat template goes on with texts', async () => {
    await writeTinyModel(folderOf('plain'));
    await rm(join(folderOf('plain'), 'tokenizer_config.json'));
    await api.register(folderOf('plain'));
    const refused = openai.chat.completions.create({ model: 'plain', messages });
    await expect(refused).rejects.toMatchObject({ status: 400, code: 'chat_template_missing' });
    const answer = await openai.completions.create({ ...greedy, model: 'plain', prompt: 'The sum of' });
    expect(answer.usage!.completion_tokens).toBeGreaterThan(0);
  });

  test('whose folder is gone is refused, and answers again when it is back', async () => {
    const expected = await ask('tiny');
    await rename(folderOf('tiny'), folderOf('away'));
    await expect(ask('tiny')).rejects.toMatchObject({
      status: 400,
      param: 'model',
      code: 'model_folder_not_found',
    });
    await rename(folderOf('away'), folderOf('tiny'));
    expect(await ask('tiny')).toBe(expected);
  });
});

describe("what OpenAI's clients ask of an answer", () => {
  const template =
    '{% if tools %}{{ tools | tojson }}<tool_call>{{ \'{\' }}"name": ..., "arguments": ...}</tool_call>{% endif %}' +
    '{% for message in messages %}{{ message.role }}: {{ message.content or (message.tool_calls | tojson) }}\n{% endfor %}' +
    '{% if add_generation_prompt %}assistant:{% endif %}';
  const user = [{ role: 'user' as const, content: 'Go.' }];

  beforeAll(async () => {
    const folder = join(api.home, 'models-of-tests', 'calling');
    await writeTinyModel(folder, { max_position_embeddings: 1024 });
    const path = join(folder, 'tokenizer_config.json');
    const config = JSON.parse(await readFile(path, 'utf8')) as object;
    await writeFile(path, JSON.stringify({ ...config, chat_template: template }));
    await api.register(folder);
  });

  const ask = (body: Partial<OpenAI.ChatCompletionCreateParamsNonStreaming>) =>
    openai.chat.completions.create({ model: 'calling', messages: user, seed: 1, ...body });

  test('probabilities are told of every token, whole and streamed, and n answers differ', async () => {
    const body = { max_tokens: 6, logprobs: true, top_logprobs: 3, n: 2 };
    const { choices } = await ask(body);
    expect(choices).toHaveLength(2);
    expect(choices[0]!.message.content).not.toBe(choices[1]!.message.content);
    for (const { logprobs, message } of choices) {
      const told = logprobs!.content!;
      expect(told.map(({ token }) => token).join('')).toBe(message.content);
      for (const { bytes, token, logprob, top_logprobs: top } of told) {
        expect(Buffer.from(bytes!).toString()).toBe(token);
        expect(top).toHaveLength(3);
        expect(top[0]!.logprob).toBeGreaterThanOrEqual(logprob);
        expect(Math.exp(logprob)).toBeLessThanOrEqual(1);
      }
    }
    const streamed: OpenAI.ChatCompletionTokenLogprob[] = [];
    for await (const chunk of await openai.chat.completions.create({
      model: 'calling',
      messages: user,
      seed: 1,
      ...body,
      n: 1,
      stream: true,
    })) {
      streamed.push(...(chunk.choices[0]?.logprobs?.content ?? []));
    }
    expect(streamed).toEqual(choices[0]!.logprobs!.content);
    const text = await openai.completions.create({
      model: 'calling',
      prompt: 'Go',
      seed: 1,
      max_tokens: 4,
      logprobs: 2,
    });
    const { tokens, text_offset: offsets, top_logprobs: likeliest } = text.choices[0]!.logprobs!;
    expect(tokens!.join('')).toBe(text.choices[0]!.text);
    expect(offsets![0]).toBe(0);
    expect(offsets![3]).toBe(tokens!.slice(0, 3).join('').length);
    expect(Object.keys(likeliest![0]!)).toHaveLength(2);
  });

  test('a token that is ruled out is not written, and one that is asked for is', async () => {
    const plain = await ask({ max_tokens: 3, temperature: 0, logprobs: true, top_logprobs: 1 });
    const first = plain.choices[0]!.logprobs!.content![0]!.token;
    const tokenizer = await loadTokenizer(join(api.home, 'models-of-tests', 'calling'));
    const id = Array.from({ length: tokenizer.vocabularySize }, (_, one) => one).find(
      (one) => tokenizer.decode([one]) === first,
    )!;
    const without = await ask({ max_tokens: 3, temperature: 0, logprobs: true, logit_bias: { [id]: -100 } });
    expect(without.choices[0]!.logprobs!.content!.map(({ token }) => token)).not.toContain(first);
    const only = await ask({ max_tokens: 3, temperature: 0, logit_bias: { [id]: 100 } });
    expect(only.choices[0]!.message.content).toBe(first.repeat(3));
    const varied = await ask({
      max_tokens: 6,
      temperature: 0,
      logprobs: true,
      presence_penalty: 2,
      frequency_penalty: 2,
      logit_bias: { [id]: 3 },
    });
    expect(varied.choices[0]!.message.content).not.toBe(first.repeat(6));
    await expect(ask({ logit_bias: { 99999: 1 } })).rejects.toMatchObject({
      status: 400,
      param: 'logit_bias.99999',
    });
  });

  test('JSON keeps to its schema, and what a schema cannot say here is refused by its path', async () => {
    const schema = {
      type: 'object',
      properties: {
        word: { type: 'string', maxLength: 4 },
        size: { enum: ['small', 'large'] },
        marks: { type: 'array', items: { type: 'boolean' }, maxItems: 2 },
      },
      required: ['word', 'size', 'marks'],
      additionalProperties: false,
    };
    const format = (of: object) => ({
      type: 'json_schema' as const,
      json_schema: { name: 'thing', strict: true, schema: of as Record<string, unknown> },
    });
    const { choices } = await ask({ response_format: format(schema), n: 3 });
    for (const { message, finish_reason } of choices) {
      expect(finish_reason).toBe('stop');
      const value = JSON.parse(message.content!) as { word: string; size: string; marks: boolean[] };
      expect(Object.keys(value)).toEqual(['word', 'size', 'marks']);
      expect(['small', 'large']).toContain(value.size);
      expect(value.word.length).toBeLessThanOrEqual(8);
    }
    const begun = await ask({ response_format: { type: 'json_object' }, max_tokens: 5 });
    expect(begun.choices[0]!.message.content).toMatch(/^\{/);
    const bad = { type: 'object', properties: { word: { type: 'string', pattern: '^a' } } };
    await expect(ask({ response_format: format(bad) })).rejects.toMatchObject({
      status: 400,
      code: 'unsupported',
      param: 'response_format.json_schema.schema.properties.word.pattern',
    });
  });

  test('tools are shown to the model, and a call that must be comes apart from the text', async () => {
    const tools = ['add', 'wait'].map((name) => ({
      type: 'function' as const,
      function: {
        name,
        parameters: { type: 'object', properties: { count: { enum: [1, 2] } }, required: ['count'] },
      },
    }));
    const plain = await ask({ max_tokens: 2 });
    const shown = await ask({ max_tokens: 2, tools });
    expect(shown.usage!.prompt_tokens).toBeGreaterThan(plain.usage!.prompt_tokens);
    expect(shown.choices[0]!.finish_reason).toBe('length');
    const none = await ask({ max_tokens: 2, tools, tool_choice: 'none' });
    expect(none.usage!.prompt_tokens).toBe(plain.usage!.prompt_tokens);
    const called = await ask({ tools, tool_choice: 'required' });
    const { message, finish_reason } = called.choices[0]!;
    expect({ finish_reason, content: message.content }).toEqual({
      finish_reason: 'tool_calls',
      content: null,
    });
    const [call] = message.tool_calls as OpenAI.ChatCompletionMessageFunctionToolCall[];
    expect(['add', 'wait']).toContain(call!.function.name);
    expect([1, 2]).toContain((JSON.parse(call!.function.arguments) as { count: number }).count);
    const runner = openai.chat.completions.stream({
      model: 'calling',
      messages: user,
      tools,
      tool_choice: { type: 'function', function: { name: 'wait' } },
    });
    const streamed = (await runner.finalChatCompletion()).choices[0]!;
    expect(streamed.finish_reason).toBe('tool_calls');
    expect(streamed.message.tool_calls![0]!.function.name).toBe('wait');
    // The call goes back with its result.
    const answered = await ask({
      max_tokens: 2,
      messages: [...user, message, { role: 'tool', tool_call_id: call!.id, content: '3' }],
    });
    expect(answered.usage!.completion_tokens).toBeGreaterThan(0);
    await expect(ask({ model: a, tools })).rejects.toMatchObject({ status: 400, param: 'tools' });
  });
});
