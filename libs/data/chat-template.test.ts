import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ChatTemplate, loadChatTemplate } from '#data/chat-template.js';
import { parseExactJson } from '#data/exact-json.js';
import { ChatTemplateError } from '#data/jinja.js';
import { loadTokenizer } from '#data/load-tokenizer.js';
import type { ChatMessage } from '#data/template-messages.js';

const fixtures = fileURLToPath(new URL('../../test/fixtures/tokenizers', import.meta.url));
const NOW = new Date(Date.UTC(2024, 6, 5));

interface ChatCase {
  readonly messages: ChatMessage[];
  readonly text?: string;
  readonly prompt?: string;
  readonly error?: string;
}

function create(
  sources: string | Record<string, string>,
  variables: Record<string, unknown> = {},
): ChatTemplate {
  return new ChatTemplate(typeof sources === 'string' ? { default: sources } : sources, variables, {
    now: NOW,
  });
}

const CALL: ChatMessage = {
  role: 'assistant',
  content: '',
  tool_calls: [{ type: 'function', function: { name: 'f', arguments: '{"a": 1}' } }],
};

describe.each(readdirSync(fixtures))('golden %s', (name) => {
  const { chats } = JSON.parse(readFileSync(join(fixtures, name, 'case.json'), 'utf8')) as {
    chats: ChatCase[];
  };

  it('renders conversations and prompts, and refuses, as the reference does', async () => {
    const tokenizer = await loadTokenizer(join(fixtures, name));
    const template = await loadChatTemplate(join(fixtures, name), tokenizer);
    expect(template.isDefault).toBe(chats.length === 0);
    for (const { messages, text, prompt } of chats.filter(({ error }) => error === undefined)) {
      expect(template.render(messages)).toBe(text);
      expect(template.render(messages.slice(0, -1), { addGenerationPrompt: true })).toBe(prompt);
    }
    for (const { messages, error } of chats.filter((chat) => chat.error !== undefined)) {
      const refusal: unknown = expect.objectContaining({ code: 'chat_template_refused', reason: error });
      expect(() => template.render(messages)).toThrow(refusal);
    }
  });
});

describe('the form of a conversation', () => {
  const messages: ChatMessage[] = [
    { role: 'user', content: 'a' },
    { role: 'assistant', content: 'b' },
  ];

  it('is content in parts where a template shows or reads nothing else', () => {
    const looping = create(
      "{% for m in messages %}{{ m.role }}:{% for part in m.content %}{% if part.type == 'text' %}{{ part.text }}{% endif %}{% endfor %};{% endfor %}",
    );
    expect(looping.render(messages)).toBe('user:a;assistant:b;');
    const first = create('{% for m in messages %}{{ m.content[0].text + ";" }}{% endfor %}');
    expect(first.render(messages)).toBe('a;b;');
    const either = create(
      '{% for m in messages %}{{ (m.content if m.content is string else m.content[0].text + "!") + ";" }}{% endfor %}',
    );
    expect(either.render(messages)).toBe('a;b;');
  });

  it('is a system message for a developer, where the template knows no developer or refuses one', () => {
    const asked: ChatMessage[] = [{ role: 'developer', content: 'a' }];
    const plain = '{% for m in messages %}{{ m.role }}{% endfor %}';
    expect(create(plain).render(asked)).toBe('system');
    expect(create(`{# developer #}${plain}`).render(asked)).toBe('developer');
    const refusing = "{% if messages[0].role == 'developer' %}{{ raise_exception('no') }}{% endif %}";
    expect(create(refusing + plain).render(asked)).toBe('system');
  });
});

describe('ChatTemplate', () => {
  it('gives the template the special tokens, tools and fields of messages', () => {
    const template = create(
      '{{ bos_token }}{% for m in messages %}{{ m.name }}{% endfor %}{{ tools is none }}{{ documents is none }}',
      { bos_token: '<s>' },
    );
    expect(template.render([{ role: 'user', content: 'x', name: 'Ann' }])).toBe('<s>AnnTrueTrue');
    expect(template.render([], { tools: [{ type: 'function' }] })).toBe('<s>FalseTrue');
  });

  it('takes the template for tools when there are tools', () => {
    const template = create({ default: 'plain', tool_use: 'tools' });
    expect(template.render([])).toBe('plain');
    expect(template.render([], { tools: [{}] })).toBe('tools');
  });

  it('names the templates there are when none is the default', () => {
    expect(() => create({ rag: 'a' }).render([])).toThrow('rag');
  });

  it('calls the developer system where the template does not know developers', () => {
    const message = { role: 'developer', content: 'x' };
    expect(create('{{ messages[0].role }}').render([message])).toBe('system');
    expect(create("{{ messages[0].role }}{# 'developer' #}").render([message])).toBe('developer');
  });

  it('gives the arguments of a tool call as an object that the template prints', () => {
    const template = create('{{ messages[0].tool_calls[0].function.arguments | tojson }}');
    expect(template.render([CALL])).toBe('{"a": 1}');
  });

  it('gives them as text to a template that joins them to text', () => {
    const template = create("{{ 'args: ' + messages[0].tool_calls[0].function.arguments }}");
    expect(template.render([CALL])).toBe('args: {"a": 1}');
  });

  it('gives numbers, keys and their order as they stand in arguments and tools', () => {
    const numbers = '{"b": 48.0, "10": 2512292042121000001, "2": 1e-07, "a": 1e+22}';
    const message = { role: 'assistant', tool_calls: [{ function: { name: 'f', arguments: numbers } }] };
    const tools = parseExactJson(`[{"function": {"name": "f", "parameters": ${numbers}}}]`) as unknown[];
    const source =
      '{{ messages[0].tool_calls[0].function.arguments | tojson }}{{ tools[0].function.parameters | tojson }}';
    expect(create(source).render([message], { tools })).toBe(numbers + numbers);
    expect(create("{{ 'text: ' + messages[0].tool_calls[0].function.arguments }}").render([message])).toBe(
      `text: ${numbers}`,
    );
  });

  it.each(['', null, undefined])(
    'finds the form in which a template shows calls beside content %j',
    (content) => {
      const message = { ...CALL, content };
      const calls =
        "{% for c in m.tool_calls %}{{ '<' + c.function.name + ' ' + c.function.arguments + '>' }}{% endfor %}";
      const ofNull = `{% set m = messages[0] %}{% if m.content is none %}${calls}{% else %}{{ m.content + '.' }}{% endif %}`;
      expect(create(ofNull).render([message])).toBe('<f {"a": 1}>');
      const ofAbsent = `{% set m = messages[0] %}{% if 'content' not in m %}${calls}{% else %}{{ m.content }}{% endif %}`;
      expect(create(ofAbsent).render([message])).toBe('<f {"a": 1}>');
      const ofText = `{% set m = messages[0] %}{{ m.content + '!' }}${calls}`;
      expect(create(ofText).render([message])).toBe('!<f {"a": 1}>');
      const without = '{% set m = messages[0] %}{{ m.content }}|';
      expect(create(without).render([message])).toBe('|');
    },
  );

  it.each(['reasoning_content', 'reasoning', 'thinking'])('shows %s to every template', (field) => {
    const message = { role: 'assistant', content: 'b', [field]: 'because' };
    expect(create('{{ messages[0].reasoning_content }}').render([message])).toBe('because');
    expect(create('{{ messages[0].thinking }}').render([message])).toBe('because');
    expect(
      create('{{ messages[0].reasoning_content is defined }}').render([{ ...message, [field]: null }]),
    ).toBe('False');
  });

  it('does not show fields that are null', () => {
    const message = { role: 'user', content: 'a', name: null, tool_calls: null };
    expect(create('{{ messages[0] }}').render([message])).toBe("{'role': 'user', 'content': 'a'}");
  });

  it('shows documents', () => {
    const documents = [{ title: 'T', text: 'x' }];
    expect(create('{{ documents[0].title }}').render([], { documents })).toBe('T');
  });

  it('renders line ends alike, whether a file has LF or CRLF', () => {
    const source =
      '{%- for m in messages %}\n{%- if m.role %}\n<{{ m.role }}>\n{{ m.content }}\n{% endif %}\n{%- endfor %}\n';
    const message = { role: 'user', content: 'a' };
    const text = create(source).render([message]);
    expect(text).toBe('<user>\na\n');
    expect(create(source.replaceAll('\n', '\r\n')).render([message])).toBe(text);
  });

  it('has a digest of everything that determines the text', () => {
    const digests = [
      create('a'),
      create('b'),
      create('a', { bos_token: '<s>' }),
      create("{{ strftime_now('%Y') }}"),
      new ChatTemplate({ default: "{{ strftime_now('%Y') }}" }, {}, { now: new Date(0) }),
    ].map(({ digest }) => digest);
    expect(new Set(digests).size).toBe(5);
    expect(create('a').digest).toBe(digests[0]);
    expect(new ChatTemplate({ default: 'a' }, {}, { now: new Date(0) }).digest).toBe(digests[0]);
  });
});

describe('loadChatTemplate', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'template-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  async function load(files: Record<string, string>): Promise<ChatTemplate> {
    for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
    return loadChatTemplate(folder, await loadTokenizer(join(fixtures, 'byte-level-gpt2')), { now: NOW });
  }

  it('prefers chat_template.jinja, with the templates beside it', async () => {
    await mkdir(join(folder, 'additional_chat_templates'));
    const template = await load({
      'chat_template.jinja': 'file',
      'additional_chat_templates/tool_use.jinja': 'tools',
      'tokenizer_config.json': '{"chat_template": "config"}',
    });
    expect(template.render([])).toBe('file');
    expect(template.render([], { tools: [{}] })).toBe('tools');
  });

  it('reads a list of named templates', async () => {
    const list = [
      { name: 'default', template: 'a' },
      { name: 'tool_use', template: 'b' },
    ];
    const template = await load({ 'tokenizer_config.json': JSON.stringify({ chat_template: list }) });
    expect(template.render([], { tools: [{}] })).toBe('b');
  });

  it('reads chat_template.json where tokenizer_config.json has none', async () => {
    const template = await load({
      'tokenizer_config.json': '{}',
      'chat_template.json': '{"chat_template": "a"}',
    });
    expect(template.render([])).toBe('a');
  });

  it('refuses a chat template that is neither text nor a list', async () => {
    const loading = load({ 'tokenizer_config.json': '{"chat_template": 3}' });
    await expect(loading).rejects.toMatchObject({ code: 'chat_template_unreadable' });
  });

  it('stands in with a plain template that marks what the assistant writes', async () => {
    const template = await load({});
    const messages = [
      { role: 'developer', content: 'Be brief.' },
      { role: 'user', content: 'What is a license?' },
      { role: 'assistant', content: 'A permission.' },
      { role: 'tool', content: '{}' },
    ];
    expect(template.isDefault).toBe(true);
    const { text, spans } = template.open(messages).renderSpans();
    expect(text).toBe(
      '### System:\nBe brief.\n\n### User:\nWhat is a license?\n\n### Assistant:\nA permission.</s>\n\n### Tool:\n{}\n\n',
    );
    expect(spans?.map(({ start, end }) => text.slice(start, end))).toEqual(['A permission.</s>']);
    expect(template.render(messages.slice(0, 2), { addGenerationPrompt: true })).toBe(
      text.slice(0, text.indexOf('A permission.')),
    );
  });

  it('puts in front of the plain template what the tokenizer puts in front of a text', async () => {
    const tokenizer = await loadTokenizer(join(fixtures, 'metaspace-turns'));
    const template = await loadChatTemplate(folder, tokenizer);
    expect(template.render([{ role: 'user', content: 'a' }])).toBe('<s>### User:\na\n\n');
  });

  it('does not show tools in the plain template without a word', async () => {
    const template = await load({});
    expect(() => template.render([], { tools: [{}] })).toThrow(ChatTemplateError);
    expect(() => template.render([CALL])).toThrow('tool calls');
  });
});
