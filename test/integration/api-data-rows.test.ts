/** What rows become: told by upload and plan, shown with the tokens that are learned, and the same where it is trained. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { planObject } from '#contracts/http/plans.js';
import { loadChatTemplate } from '#data/chat-template.js';
import { loadTokenizer } from '#data/load-tokenizer.js';
import { prepareDataset } from '#data/prepare.js';
import { writeTinyModel } from '../e2e/tiny-job.js';
import { type ApiServer, fileForm, startApi } from './api-server.js';

const turns = {
  plain:
    "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' + (m.content or '') + '<|im_end|>\n' }}{% endfor %}" +
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}",
  tools:
    "{% for t in tools or [] %}{{ t | tojson + '\n' }}{% endfor %}{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' + m.content }}" +
    '{% for c in m.tool_calls or [] %}<tool>{{ c.function.arguments | tojson }}</tool>{% endfor %}' +
    "{{ '<|im_end|>\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}",
  thinking:
    "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' }}{% if m.role == 'assistant' %}<think>{{ m.reasoning_content }}</think>{% endif %}" +
    '{{ m.content }}{% for c in m.tool_calls or [] %}{% for k, v in c.function.arguments | items %}{{ ' +
    "' ' + k + '=' + v | string }}{% endfor %}{% endfor %}{{ '<|im_end|>\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}",
  ofNull:
    "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' }}{% if m.content is none %}{% for c in m.tool_calls %}" +
    "{{ '<call>' + c.function.name + ' ' + c.function.arguments }}{% endfor %}{% else %}{{ m.content }}{% endif %}{{ '<|im_end|>\n' }}" +
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}",
  closed:
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>\n' }}{% endfor %}" +
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% else %}{{ '<|endoftext|>' }}{% endif %}",
  lines:
    '{%- for m in messages %}\r\n<{{ m.role }}>\r\n{{ m.content }}<|im_end|>\r\n{% endfor %}\r\n{%- if add_generation_prompt %}\r\n<assistant>\r\n{% endif %}\r\n',
};
type Template = keyof typeof turns;

const user = { role: 'user', content: 'a?' };
const answer = { role: 'assistant', content: 'b.' };
const lookUp = (given: unknown) => ({ type: 'function', function: { name: 'look', arguments: given } });
const tools = [{ type: 'function', function: { name: 'look' } }];
const calling = (content: unknown, given: unknown = '{"x":1}') => [
  user,
  { role: 'assistant', content, tool_calls: [lookUp(given)] },
  { role: 'tool', content: 'c', tool_call_id: 'i' },
  answer,
];
const parts = (text: string) => [{ type: 'text', text }];
const unused = { name: null, tool_calls: null, tool_call_id: null, weight: null, function_call: null };

interface Case {
  readonly name: string;
  readonly template: Template;
  /** The text of a line, or the row that it holds. */
  readonly row: object | string;
  readonly learned: readonly string[];
  /** Of the whole text. */
  readonly contains?: string;
  /** Codes of warnings of the upload, and of the plan. */
  readonly uploaded?: readonly string[];
  readonly planned?: readonly string[];
}

const done = 'b.<|im_end|>';
const toolNotes = ['holds_tools', 'holds_tool_calls'];
const numbers = '{"b": 48.0, "10": 2512292042121000001, "2": 1e-07, "a": 1e+22}';

const cases: readonly Case[] = [
  ...['', null, parts('')].map((content) => ({
    name: `calls beside content ${JSON.stringify(content)}, with a template that shows no tools`,
    template: 'plain' as const,
    row: { messages: calling(content), tools },
    learned: [done],
    uploaded: toolNotes,
    planned: ['hidden_tools', 'hidden_tool_calls', 'empty_turn'],
  })),
  ...['', null, parts('')].map((content) => ({
    name: `calls beside content ${JSON.stringify(content)}, with a template that shows them`,
    template: 'ofNull' as const,
    row: { messages: calling(content), tools },
    learned: ['<call>look {"x":1}<|im_end|>', done],
    uploaded: toolNotes,
    planned: ['hidden_tools'],
  })),
  ...[numbers, JSON.stringify(numbers)].map((given) => ({
    name: `numbers and keys of arguments: ${given.slice(0, 12)}`,
    template: 'tools' as const,
    row: JSON.stringify({ messages: calling('', 'GIVEN'), tools: [{ ...tools[0], parameters: 'SCHEMA' }] })
      .replace('"GIVEN"', () => given)
      .replace('"SCHEMA"', () => numbers),
    learned: [`<tool>${numbers}</tool><|im_end|>`, done],
    contains: `"parameters": ${numbers}`,
    uploaded: toolNotes,
  })),
  {
    name: 'fields that are null',
    template: 'plain',
    row: {
      prompt: null,
      text: null,
      messages: [
        { ...unused, ...user },
        { ...unused, ...answer, annotations: [] },
      ],
    },
    learned: [done],
  },
  {
    name: 'messages beside other columns',
    template: 'plain',
    row: { prompt: 'a?', prompt_id: 'x', messages: [user, answer] },
    learned: [done],
    planned: ['unknown_field', 'unknown_field'],
  },
  {
    name: 'prompt and completion of messages',
    template: 'plain',
    row: { prompt: [user, { role: 'assistant', content: 'early' }, user], completion: [answer] },
    learned: [done],
  },
  {
    name: 'a token that ends the conversation',
    template: 'closed',
    row: { messages: [user, { role: 'assistant', content: 'first' }, user, answer] },
    learned: ['first<|im_end|>', done],
  },
  {
    name: 'a greeting before the first user',
    template: 'closed',
    row: { messages: [{ role: 'assistant', content: 'hello' }, user, answer] },
    learned: ['hello<|im_end|>', done],
  },
  {
    name: 'reasoning, under any name',
    template: 'thinking',
    row: { messages: [user, { ...answer, reasoning: 'add' }] },
    learned: [`<think>add</think>${done}`],
    uploaded: ['holds_reasoning'],
  },
  {
    name: 'a part of content that is a thought',
    template: 'thinking',
    row: {
      messages: [
        user,
        { role: 'assistant', content: [{ type: 'thinking', thinking: 'add' }, ...parts('b.')] },
      ],
    },
    learned: [`<think>add</think>${done}`],
    uploaded: ['holds_reasoning'],
  },
  {
    name: 'a part of content that is a thought, which the template does not show',
    template: 'plain',
    row: {
      messages: [user, { role: 'assistant', content: [{ type: 'reasoning', text: 'add' }, ...parts('b.')] }],
    },
    learned: [done],
    uploaded: ['holds_reasoning'],
    planned: ['hidden_reasoning'],
  },
  {
    name: 'reasoning and fields that the template does not show',
    template: 'plain',
    row: {
      messages: [
        { ...user, mood: 'glad' },
        { ...answer, thinking: 'add' },
      ],
    },
    learned: [done],
    uploaded: ['holds_field', 'holds_reasoning'],
    planned: ['hidden_field', 'hidden_reasoning'],
  },
  {
    name: 'values as Python prints them',
    template: 'thinking',
    row: { messages: calling('', { flag: true, list: [1, 'a'], none: null, n: 1.5 }) },
    learned: [
      "<think></think> flag=True list=[1, 'a'] none=None n=1.5<|im_end|>",
      '<think></think>b.<|im_end|>',
    ],
    uploaded: ['holds_tool_calls'],
  },
  {
    name: 'a template with line ends of Windows',
    template: 'lines',
    row: { messages: [user, answer] },
    learned: [done],
    contains: '<user>\na?<|im_end|>\n<assistant>\nb.<|im_end|>\n',
  },
  {
    name: 'a text that brings the token that begins it',
    template: 'plain',
    row: { text: '<s>some text</s>' },
    learned: ['some text</s>'],
  },
];

let api: ApiServer;
const folderOf = (template: Template) => join(api.home, 'models-of-tests', `rows-${template.toLowerCase()}`);
beforeAll(async () => {
  api = await startApi();
  for (const template of Object.keys(turns) as Template[]) {
    await writeTinyModel(folderOf(template), { max_position_embeddings: 1024 });
    await writeFile(join(folderOf(template), 'chat_template.jinja'), turns[template]);
    await api.register(folderOf(template));
  }
});
afterAll(() => api[Symbol.asyncDispose]());

const codes = (warnings: readonly { code: string }[]) => warnings.map(({ code }) => code);

describe('a row', () => {
  test.each(cases)('$name', async ({ template, row, learned, contains, uploaded = [], planned = [] }) => {
    const content = `${typeof row === 'string' ? row : JSON.stringify(row)}\n`;
    const file = await api.call('POST', '/v1/files', fileForm(content, 'rows.jsonl'));
    expect(file.status, file.text).toBe(200);
    expect(codes((file.body.report as { warnings: { code: string }[] }).warnings)).toEqual(uploaded);

    const { status, body, text } = await api.call('POST', '/v1/fine_tuning/plan', {
      model: `rows-${template.toLowerCase()}`,
      training_file: file.body.id,
      training: { block_length: 512 },
    });
    expect(status, text).toBe(200);
    const plan = planObject.parse(body);
    expect(codes(plan.warnings)).toEqual(planned);
    const [{ pieces }] = plan.data!.training.shown_examples as unknown as [
      { pieces: { text: string; trained: boolean }[] },
    ];
    expect(pieces.filter(({ trained }) => trained).map((piece) => piece.text)).toEqual(learned);
    const whole = pieces.map((piece) => piece.text).join('');
    expect(whole).toContain(contains ?? '');

    const path = join(api.home, 'rows.jsonl');
    await writeFile(path, content);
    const tokenizer = await loadTokenizer(folderOf(template));
    const store = await prepareDataset({
      file: path,
      tokenizer,
      template: await loadChatTemplate(folderOf(template), tokenizer),
      blockLength: 512,
      packing: false,
      cacheFolder: join(api.home, 'blocks'),
    });
    const block = store.readBlock(0);
    store.close();
    const isUsed = (_: number, index: number) => block.segments[index]! > 0;
    expect(tokenizer.decode([...block.tokens].filter(isUsed))).toBe(whole);
    const isTrained = (_: number, index: number) => block.trained[index] === 1;
    expect(tokenizer.decode([...block.tokens].filter(isTrained))).toBe(learned.join(''));
    const ofPacking = ['no_eos_token'];
    expect(codes(store.report.warnings).filter((code) => !ofPacking.includes(code))).toEqual(planned);
  });
});

describe('a row of which nothing is left', () => {
  test('is a problem of the plan that says why, with its line', async () => {
    const messages = [user, { role: 'assistant', content: null, tool_calls: [lookUp('{}')] }];
    const file = await api.call('POST', '/v1/files', fileForm(`${JSON.stringify({ messages })}\n`));
    const { status, body } = await api.call('POST', '/v1/fine_tuning/plan', {
      model: 'rows-plain',
      training_file: file.body.id,
    });
    expect(status).toBe(400);
    expect(body.error.message).toContain('does not show tool calls');
    expect(body.error.problems).toMatchObject([{ line: 1 }]);
  });
});

describe('a file whose lines are not JSON', () => {
  const row = JSON.stringify({ messages: [user, answer] });
  test.each([
    ['commas after lines', `${row},\n${row},\n`, 1, 'comma'],
    ['lines that end with CR alone', `${row}\r${row}\r`, 1, 'carriage return'],
    ['a byte order mark in the middle', `${row}\n\ufeff${row}\n`, 2, 'byte order mark'],
    ['NaN', `${row}\n{"text": NaN}\n`, 2, 'NaN'],
  ])('is refused for %s', async (_, content, line, said) => {
    const { status, body } = await api.call('POST', '/v1/files', fileForm(content));
    expect(status).toBe(400);
    expect(body.error.message).toContain(said);
    expect(body.error.message).toContain(`line ${line}`);
  });
});
