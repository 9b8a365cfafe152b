import { mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DataError, type DataProblem } from '#data/data-error.js';
import { Float } from '#data/exact-json.js';
import { DatasetReader, validateDataset } from '#data/dataset.js';
import type { Row } from '#data/rows/row.js';

let path: string;
beforeAll(async () => {
  path = join(await mkdtemp(join(tmpdir(), 'dataset-')), 'train.jsonl');
});
afterAll(() => rm(join(path, '..'), { recursive: true }));

const CHAT = '{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}';

async function readAll(content: string | Buffer): Promise<Row[]> {
  await writeFile(path, content);
  const reader = new DatasetReader(path);
  const rows: Row[] = [];
  for await (const batch of reader.batches()) rows.push(...batch.map(({ row }) => row));
  reader.summary();
  return rows;
}

async function problemsOf(content: string | Buffer): Promise<readonly DataProblem[]> {
  try {
    await readAll(content);
  } catch (error) {
    if (error instanceof DataError) return error.problems;
    throw error;
  }
  return [];
}

/** [line, field, code] of each problem. */
async function briefly(content: string | Buffer): Promise<[number, string, string][]> {
  return (await problemsOf(content)).map(({ line, field, code }) => [line, field, code]);
}

function chat(...messages: unknown[]): string {
  return JSON.stringify({ messages });
}

const USER = { role: 'user', content: 'a' };
const ASSISTANT = { role: 'assistant', content: 'b' };
const TEXT = { type: 'text', text: 'b' };
const THOUGHT = { type: 'thinking', thinking: 't' };

describe('rows', () => {
  it('reads conversations, with tools, names and weights', async () => {
    const tools = [{ type: 'function', function: { name: 'f' } }];
    const messages = [
      { role: 'developer', content: 'x' },
      { role: 'user', content: 'a', name: 'Ann' },
      {
        role: 'assistant',
        content: null,
        tool_calls: [{ function: { name: 'f', arguments: '{}' } }],
        weight: 0,
      },
      { role: 'tool', content: '', tool_call_id: '1' },
      { ...ASSISTANT, weight: 1 },
    ];
    const [row] = await readAll(JSON.stringify({ messages, tools, parallel_tool_calls: false }));
    expect(row).toEqual({
      kind: 'chat',
      tools,
      messages: messages.map((message) => ({ ...message, content: message.content ?? '' })),
    });
  });

  it('joins parts of text', async () => {
    const content = [
      { type: 'text', text: 'one ' },
      { type: 'text', text: 'two' },
    ];
    expect(await readAll(chat({ role: 'user', content }, ASSISTANT))).toMatchObject([
      { messages: [{ content: 'one two' }, ASSISTANT] },
    ]);
  });

  it.each([
    [
      'as Anthropic has them',
      [
        { type: 'thinking', thinking: 'one', signature: 's' },
        { type: 'thinking', thinking: 'two' },
        { type: 'text', text: 'b' },
      ],
      'one\n\ntwo',
    ],
    [
      'called reasoning',
      [
        { type: 'reasoning', text: 'one' },
        { type: 'text', text: 'b' },
      ],
      'one',
    ],
  ])('reads parts that are thoughts, %s, as reasoning', async (_, content, reasoning) => {
    expect(await readAll(chat(USER, { role: 'assistant', content }))).toEqual([
      {
        kind: 'chat',
        messages: [USER, { role: 'assistant', content: 'b', reasoning_content: reasoning }],
      },
    ]);
  });

  it('reads prompts with completions, and texts', async () => {
    expect(await readAll('{"prompt": "", "completion": " b"}\n')).toEqual([
      { kind: 'completion', prompt: '', completion: ' b' },
    ]);
    expect(await readAll('\ufeff{"text": "a"}\r\n\r\n  \n{"text": "b"}')).toEqual([
      { kind: 'text', text: 'a' },
      { kind: 'text', text: 'b' },
    ]);
  });

  it('reads numbers and keys as they stand in the file', async () => {
    const call = '{"function": {"name": "f", "arguments": {"b": 48.0, "10": 2512292042121000001}}}';
    const [row] = await readAll(
      `{"messages": [${JSON.stringify(USER)}, {"role": "assistant", "tool_calls": [${call}]}, ${JSON.stringify(ASSISTANT)}]}`,
    );
    expect(row).toMatchObject({
      messages: [USER, { tool_calls: [{ function: { arguments: expect.any(Map) } }] }, ASSISTANT],
    });
    const { messages } = row as unknown as {
      messages: { tool_calls: { function: { arguments: Map<string, unknown> } }[] }[];
    };
    expect([...messages[1]!.tool_calls[0]!.function.arguments]).toEqual([
      ['b', new Float(48)],
      ['10', 2512292042121000001n],
    ]);
  });

  it('takes a field that is null for one that is absent', async () => {
    const plain = await readAll(chat(USER, ASSISTANT));
    const nothing = {
      name: null,
      tool_calls: null,
      tool_call_id: null,
      weight: null,
      function_call: null,
      audio: null,
    };
    expect(await readAll(chat({ ...USER, ...nothing }, { ...nothing, ...ASSISTANT }))).toEqual(plain);
    const columns = { prompt: null, completion: null, text: null, conversations: null, tools: null };
    expect(await readAll(JSON.stringify({ ...columns, messages: [USER, ASSISTANT] }))).toEqual(plain);
    expect(await readAll('{"text": "a", "messages": null, "prompt": null}')).toEqual([
      { kind: 'text', text: 'a' },
    ]);
    await writeFile(path, '{"text": "a", "id": null}\n');
    expect((await validateDataset(path)).unknownFields).toEqual({});
  });

  it('reads weights that a table has written as floats', async () => {
    const line = chat(USER, { ...ASSISTANT, weight: 0 }, USER, { ...ASSISTANT, weight: 1 });
    const floats = line.replaceAll('"weight":0', '"weight":0.0').replaceAll('"weight":1', '"weight":1.0');
    expect(await readAll(floats)).toEqual(await readAll(line));
  });

  it('reads the messages of a row that has a prompt or a text too', async () => {
    const line = JSON.stringify({ prompt: 'a', prompt_id: 'x', text: 'y', messages: [USER, ASSISTANT] });
    expect(await readAll(line)).toEqual(await readAll(chat(USER, ASSISTANT)));
    await writeFile(path, line);
    expect((await validateDataset(path)).unknownFields).toEqual({ prompt: 1, prompt_id: 1, text: 1 });
    expect(await readAll('{"prompt": "a", "completion": "b", "text": "ab"}')).toMatchObject([
      { kind: 'completion' },
    ]);
    expect(await readAll('{"prompt": "a", "text": "ab"}')).toMatchObject([{ kind: 'text' }]);
  });

  it('reads a prompt and a completion of messages, of which the completion is learned', async () => {
    const early = { role: 'assistant', content: 'early' };
    const row = { prompt: [USER, early, USER], completion: [ASSISTANT], tools: [{ type: 'function' }] };
    expect(await readAll(JSON.stringify(row))).toEqual([
      { kind: 'chat', messages: [USER, { ...early, weight: 0 }, USER, ASSISTANT], tools: row.tools },
    ]);
    expect(await readAll(JSON.stringify({ prompt: [], completion: [ASSISTANT] }))).toEqual([
      { kind: 'chat', messages: [ASSISTANT] },
    ]);
  });

  it('counts what only some chat templates show', async () => {
    const calls = [{ type: 'function', function: { name: 'f', arguments: '{}' } }];
    const rows = [
      chat({ ...USER, name: 'Ann' }, { ...ASSISTANT, reasoning_content: 'c' }),
      chat(USER, { ...ASSISTANT, content: '<think>c</think>b' }),
      chat(
        USER,
        { role: 'assistant', tool_calls: calls },
        { role: 'tool', content: '1', name: 'f' },
        ASSISTANT,
      ),
      chat({ ...USER, name: null }, { ...ASSISTANT, annotations: [], refusal: null }),
    ];
    await writeFile(path, rows.join('\n'));
    const { warnings } = await validateDataset(path);
    expect(warnings.map(({ code, message }) => `${code}: ${message.split('.')[0]}`)).toEqual([
      'holds_field: 1 of 4 rows holds the field "name" in messages',
      'holds_reasoning: 2 of 4 rows hold reasoning',
      'holds_tool_calls: 1 of 4 rows holds tool calls',
    ]);
  });

  it('counts fields that nothing reads, and tolerates them', async () => {
    await writeFile(path, '{"text": "a", "id": 1}\n{"text": "b", "id": 2, "source": "x"}\n');
    expect(await validateDataset(path)).toMatchObject({
      kind: 'text',
      rows: 2,
      bytes: 61,
      unknownFields: { id: 2, source: 1 },
    });
  });
});

describe('files that are something else', () => {
  it('says that a line has several objects', async () => {
    const row = '{"text": "a {}"}';
    const [problem] = await problemsOf(Buffer.from(`${row}\n${row}${row}\n`));
    expect(problem).toMatchObject({ line: 2, code: 'invalid_json' });
    expect(problem!.message).toContain('several objects');
  });

  it.each([
    ['encrypted Parquet', Buffer.from('PAREdata'), 'without encryption'],
    ['UTF-32', Buffer.from([0xff, 0xfe, 0, 0, 0x7b, 0, 0, 0]), 'UTF-8'],
    [
      'a Git LFS pointer',
      'version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n',
      'git lfs pull',
    ],
    ['a web page', '<!DOCTYPE html>\n<html><body>404</body></html>', 'Download the file itself'],
    ['a JSON array of something else', '["a"]', '[{"messages": [...]}'],
    ['JSON spread over several lines', '{\n"text": "a"\n}', 'jq -c .'],
    ['CSV', `it's,"a completion"\na,b\n`, 'Let the first row name them'],
    ['TSV', `it's\ta completion\na\tb\n`, 'Let the first row name them'],
    [
      'a preference (DPO) row',
      '{"input": {"messages": []}, "preferred_completion": []}',
      '"preferred_output"',
    ],
    ['tokenized already', '{"input_ids": [1, 2]}', 'Give the text'],
  ])('names %s and says what to do, once', async (name, content, fix) => {
    const problems = await problemsOf(
      Buffer.concat([Buffer.from(content), Buffer.from('\n'), Buffer.from(content)]),
    );
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatchObject({ file: 'train.jsonl', line: 1, code: 'unsupported_format' });
    expect(problems[0]!.message).toContain(name);
    expect(problems[0]!.message).toContain(fix);
  });

  it('names an empty file and one of blank lines', async () => {
    expect(await briefly('')).toEqual([[0, '', 'empty_file']]);
    expect(await briefly(' \n\r\n\t\n')).toEqual([[0, '', 'empty_file']]);
  });
});

describe('lines that cannot be read', () => {
  it('names the byte that is not UTF-8', async () => {
    const line = Buffer.concat([Buffer.from('{"text": "é'), Buffer.from([0xc3, 0x28]), Buffer.from('"}')]);
    const [problem] = await problemsOf(Buffer.concat([Buffer.from('{"text": "a"}\n'), line]));
    expect(problem).toMatchObject({ line: 2, code: 'not_utf8' });
    expect(problem!.message).toContain('byte 12 of the line (0xc3)');
  });

  it('names NUL bytes', async () => {
    const [problem] = await problemsOf('{"text": "a\0b"}\n');
    expect(problem).toMatchObject({ line: 1, code: 'nul_byte' });
    expect(problem!.message).toContain('byte 11');
  });

  it.each([
    ['{"text": "a"}\n{"text": "b', 2, 'truncated_last_line'],
    ['{"text": "a"}\n{"text": {"b": 1', 2, 'truncated_last_line'],
    ['{"text": "a"\n', 1, 'invalid_json'],
    ["{'text': 'a'}\n", 1, 'invalid_json'],
    ['{"text": NaN}\n', 1, 'not_a_number'],
    ['{"text": "a"},\n', 1, 'trailing_comma'],
    ['{"text": "a"}\n{"text": "b"} , \n', 2, 'trailing_comma'],
    ['{"text": "a"}\r{"text": "b"}\r', 1, 'lone_carriage_return'],
    [
      `{"text": "${'a'.repeat(9_000_000)}"}\r{"text": "${'b'.repeat(9_000_000)}"}\r`,
      1,
      'lone_carriage_return',
    ],
    ['{"text": "a"}\n\ufeff{"text": "b"}\n', 2, 'byte_order_mark'],
    ['{"text": "a"}\ufeff{"text": "b"}\n', 1, 'byte_order_mark'],
    ['{"text": "a"} {"text": "b"}\n', 1, 'invalid_json'],
    ['plain text without any form\n', 1, 'invalid_json'],
    ['"a text"\n', 1, 'not_an_object'],
    [`{"text": "a", "x": ${'['.repeat(50_000)}${']'.repeat(50_000)}}\n`, 1, 'too_deep'],
    [`{"text": "a", "x": ${'{"y":'.repeat(5000)}\n`, 1, 'too_deep'],
  ])('names the line: %.40s', async (content, line, code) => {
    expect(await briefly(content)).toEqual([[line, '', code]]);
  });

  it('does not take brackets in text for nesting', async () => {
    expect(await readAll(`{"text": "\\"${'['.repeat(500)}"}\n`)).toHaveLength(1);
  });

  it('passes over a line of hundreds of megabytes without holding it', async () => {
    const file = await open(path, 'w');
    // Sparse: a "line" of 300 MB that takes no space on the disk.
    await file.write('{"text": "a"}\n', 0);
    await file.write('\n{"text": "b"}\n', 300_000_000);
    await file.close();
    const before = process.memoryUsage().rss;
    const reader = new DatasetReader(path);
    let rows = 0;
    for await (const batch of reader.batches()) rows += batch.length;
    expect(rows).toBe(2);
    expect(() => reader.summary()).toThrow('line 2: the line is longer than 16384 KiB');
    expect(process.memoryUsage().rss - before).toBeLessThan(100_000_000);
    await rm(path);
  });
});

describe('rows that cannot be learned from', () => {
  it.each([
    ['no kind', '{"question": "a"}', '', 'unknown_format'],
    ['only fields that are null', '{"text": null, "messages": null}', '', 'unknown_format'],
    ['no completion', '{"prompt": "a"}', 'completion', 'missing_field'],
    ['no prompt', '{"completion": "a"}', 'prompt', 'missing_field'],
    ['an empty completion', '{"prompt": "a", "completion": ""}', 'completion', 'empty'],
    ['a prompt of messages', '{"prompt": [], "completion": "b"}', 'prompt', 'wrong_type'],
    ['an empty text', '{"text": ""}', 'text', 'empty'],
    [
      'a prompt of messages for a completion of text',
      '{"prompt": [{}], "completion": "b"}',
      'prompt',
      'wrong_type',
    ],
    [
      'a completion without an assistant',
      JSON.stringify({ prompt: [USER], completion: [USER] }),
      'completion',
      'no_assistant_message',
    ],
    [
      'a completion that does not end with the assistant',
      JSON.stringify({ prompt: [USER], completion: [ASSISTANT, USER] }),
      'completion[1].role',
      'last_message_not_assistant',
    ],
    ['an empty completion of messages', '{"prompt": [], "completion": []}', 'completion', 'empty'],
    ['half of a character', '{"text": "a\\ud83d"}', 'text', 'lone_surrogate'],
    [
      'half of a character in a message',
      chat(USER, { ...ASSISTANT, content: '\ud83d' }),
      'messages[1].content',
      'lone_surrogate',
    ],
    ['messages of no list', '{"messages": {}}', 'messages', 'wrong_type'],
    ['no messages', chat(), 'messages', 'empty'],
    ['a message of text', chat('a', ASSISTANT), 'messages[0]', 'wrong_type'],
    ['no role', chat({ content: 'a' }, ASSISTANT), 'messages[0].role', 'missing_field'],
    ['a role of no text', chat({ role: 1, content: 'a' }, ASSISTANT), 'messages[0].role', 'wrong_type'],
    ['an unknown role', chat({ role: 'human', content: 'a' }, ASSISTANT), 'messages[0].role', 'unknown_role'],
    [
      'a role of the prototype',
      chat({ role: 'constructor', content: 'a' }),
      'messages[0].role',
      'unknown_role',
    ],
    ['no content', chat({ role: 'user' }, ASSISTANT), 'messages[0].content', 'missing_field'],
    [
      'content of null',
      chat(USER, { role: 'assistant', content: null }),
      'messages[1].content',
      'missing_field',
    ],
    ['empty content', chat({ role: 'user', content: '' }, ASSISTANT), 'messages[0].content', 'empty'],
    ['empty parts', chat({ role: 'user', content: [] }, ASSISTANT), 'messages[0].content', 'empty'],
    [
      'content of a number',
      chat({ role: 'user', content: 3 }, ASSISTANT),
      'messages[0].content',
      'wrong_type',
    ],
    [
      'an image',
      chat({ role: 'user', content: [{ type: 'text', text: 'a' }, { type: 'image_url' }] }, ASSISTANT),
      'messages[0].content[1]',
      'unsupported_content',
    ],
    ...[
      { name: 'a thought after text', content: [TEXT, THOUGHT], code: 'unsupported_content' },
      {
        name: 'an encrypted thought',
        content: [TEXT, { type: 'redacted_thinking' }],
        code: 'unsupported_content',
      },
      { name: 'a call of a tool as a part', content: [TEXT, { type: 'tool_use' }], code: 'wrong_type' },
      { name: 'a thought without text', content: [TEXT, { type: 'thinking' }], code: 'wrong_type' },
    ].map(({ name, content, code }): [string, string, string, string] => {
      return [name, chat(USER, { role: 'assistant', content }), 'messages[1].content[1]', code];
    }),
    [
      'a thought of a user',
      chat({ role: 'user', content: [THOUGHT, TEXT] }, ASSISTANT),
      'messages[0].content[0]',
      'not_allowed',
    ],
    [
      'a thought in two places',
      chat(USER, { role: 'assistant', content: [THOUGHT, TEXT], reasoning: 'other' }),
      'messages[1].content',
      'not_allowed',
    ],
    [
      'a part of text without text',
      chat({ role: 'user', content: [{ type: 'text' }] }, ASSISTANT),
      'messages[0].content[0]',
      'wrong_type',
    ],
    ['no assistant', chat(USER), 'messages', 'no_assistant_message'],
    ['a user at the end', chat(USER, ASSISTANT, USER), 'messages[2].role', 'last_message_not_assistant'],
    ['no weight but 0', chat(USER, { ...ASSISTANT, weight: 0 }), 'messages', 'nothing_to_learn'],
    ['half a weight', chat(USER, { ...ASSISTANT, weight: 0.5 }), 'messages[1].weight', 'invalid_weight'],
    ['the weight of a user', chat({ ...USER, weight: 1 }, ASSISTANT), 'messages[0].weight', 'not_allowed'],
    [
      'a function call',
      chat(USER, { ...ASSISTANT, function_call: {} }),
      'messages[1].function_call',
      'deprecated_field',
    ],
    [
      'tool calls of no list',
      chat(USER, { ...ASSISTANT, tool_calls: {} }),
      'messages[1].tool_calls',
      'wrong_type',
    ],
    [
      'the tool calls of a user',
      chat({ ...USER, tool_calls: [{ function: { name: 'f', arguments: '{}' } }] }, ASSISTANT),
      'messages[0].tool_calls',
      'not_allowed',
    ],
    [
      'arguments of no object',
      chat(USER, { ...ASSISTANT, tool_calls: [{ function: { name: 'f', arguments: '[1' } }] }),
      'messages[1].tool_calls[0]',
      'wrong_type',
    ],
    ['tools of no list', `{"tools": {}, ${CHAT.slice(1)}`, 'tools', 'wrong_type'],
  ])('names the field: %s', async (_, line, field, code) => {
    expect(await briefly(`${line}\n`)).toEqual([[1, field, code]]);
  });

  it('says what to write for the roles and fields of other tools', async () => {
    const [role] = await problemsOf(chat({ role: 'gpt', content: 'a' }, ASSISTANT));
    expect(role!.message).toContain('Write assistant');
    const [from] = await problemsOf(chat({ from: 'human', value: 'a' }, ASSISTANT));
    expect(from!.message).toContain('Rename "from" to "role"');
  });

  it('names every wrong message of a row', async () => {
    const line = chat(
      { role: 'bot', content: 'a' },
      { role: 'user' },
      { role: 'assistant', content: '', weight: 2 },
    );
    expect(await briefly(line)).toEqual([
      [1, 'messages[0].role', 'unknown_role'],
      [1, 'messages[1].content', 'missing_field'],
      [1, 'messages[2].content', 'empty'],
      [1, 'messages[2].weight', 'invalid_weight'],
    ]);
  });

  it('refuses rows of another kind than the first', async () => {
    const content = `\n${CHAT}\n{"text": "a"}\n{"prompt": "a", "completion": "b"}\n`;
    expect(await briefly(content)).toEqual([
      [3, '', 'mixed_row_kinds'],
      [4, '', 'mixed_row_kinds'],
    ]);
    expect((await problemsOf(content))[0]!.message).toContain('line 2 is a chat row');
  });
});

describe('DataError', () => {
  it('names the file, the first problem and how many there are', async () => {
    await writeFile(path, `{"text": 1}\n{"text": 2}\n{"text": "a"}\n{"text": 3}\n`);
    const failure = validateDataset(path, { name: 'mine.jsonl' });
    await expect(failure).rejects.toThrow(
      'mine.jsonl, line 1, text: "text" must be text, but is a number. (and 2 more)',
    );
    await expect(failure).rejects.toMatchObject({ code: 'invalid_data', isComplete: true });
  });

  it('holds 50 problems at most and says that there may be more', async () => {
    await writeFile(path, '{"text": 1}\n'.repeat(200_000));
    const reader = new DatasetReader(path);
    for await (const _ of reader.batches());
    expect(reader.bytesRead).toBeLessThan(1_000_000);
    expect(() => reader.summary()).toThrow('reading stopped there');
    await expect(validateDataset(path)).rejects.toSatisfy(
      (error) => (error as DataError).problems.length === 50,
    );
    await expect(validateDataset(path)).rejects.toMatchObject({ isComplete: false });
  });
});

describe('validateDataset', () => {
  it('tells how far it is and stops when its signal aborts', async () => {
    await writeFile(path, `{"text": "${'a'.repeat(1000)}"}\n`.repeat(1000));
    const seen: [number, number][] = [];
    await validateDataset(path, { onProgress: (done, total) => seen.push([done, total]) });
    expect(seen.at(-1)).toEqual([1_013_000, 1_013_000]);
    expect(seen.length).toBeGreaterThan(2);
    const controller = new AbortController();
    const validating = validateDataset(path, {
      signal: controller.signal,
      onProgress: () => controller.abort(),
    });
    await expect(validating).rejects.toMatchObject({ name: 'AbortError' });
  });
});
