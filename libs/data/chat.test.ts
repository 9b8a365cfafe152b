import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { encodeChat, findTrainedSpans, type TrainingMessage } from '#data/chat.js';
import { ChatTemplate, loadChatTemplate } from '#data/chat-template.js';
import { loadTokenizer } from '#data/load-tokenizer.js';
import type { Tokenizer } from '#data/tokenizer.js';

const fixtures = fileURLToPath(new URL('../../test/fixtures/tokenizers', import.meta.url));

interface MaskCase {
  readonly messages: TrainingMessage[];
  readonly ids?: number[];
  readonly assistant_mask?: number[];
}

let tokenizer: Tokenizer;
beforeAll(async () => {
  tokenizer = await loadTokenizer(join(fixtures, 'byte-level-gpt2'));
});

const user = (content: string): TrainingMessage => ({ role: 'user', content });
const assistant = (content: string, weight?: 0 | 1): TrainingMessage => ({
  role: 'assistant',
  content,
  weight,
});

const CHAT = [user('What is a license?'), assistant('A permission.'), user('Why?'), assistant(' It is so. ')];

/** The texts that a template teaches. */
function learned(source: string, messages: readonly TrainingMessage[], tools?: unknown[]): string[] {
  const variables = { bos_token: '<s>', eos_token: '</s>' };
  const template = new ChatTemplate({ default: source }, variables, { now: new Date(0) });
  const { text, spans } = findTrainedSpans(messages, tokenizer, template, { tools });
  return spans.map(({ start, end }) => text.slice(start, end));
}

describe.each(readdirSync(fixtures))('golden %s', (name) => {
  const { chats } = JSON.parse(readFileSync(join(fixtures, name, 'case.json'), 'utf8')) as {
    chats: MaskCase[];
  };

  it('encodes conversations and masks as the reference does', async () => {
    const own = await loadTokenizer(join(fixtures, name));
    const template = await loadChatTemplate(join(fixtures, name), own);
    for (const { messages, ids } of chats.filter((chat) => chat.ids)) {
      const example = encodeChat(messages, own, template);
      expect(example.ids).toEqual(ids);
      expect(example.trained).toContain(1);
    }
    for (const { messages, assistant_mask } of chats.filter((chat) => chat.assistant_mask)) {
      expect([...encodeChat(messages, own, template).trained]).toEqual(assistant_mask);
    }
  });
});

describe('a template that marks what the assistant writes', () => {
  const source =
    "{% for m in messages %}<|im_start|>{% if m.role == 'assistant' %}{% generation %}{{ m.content }}<|im_end|>" +
    '{% endgeneration %}{% else %}{{ m.content }}<|im_end|>{% endif %}{% endfor %}';

  it('is taken at its word', () => {
    expect(learned(source, CHAT)).toEqual(['A permission.<|im_end|>', ' It is so. <|im_end|>']);
  });

  it('teaches only the messages that have weight', () => {
    const messages = [user('a'), assistant('b', 0), user('c'), assistant('d', 1)];
    expect(learned(source, messages)).toEqual(['d<|im_end|>']);
  });

  it('teaches only the messages that have weight where a turn has several marks', () => {
    const twice = source.replace('{{ m.content }}', '{{ m.content }}{% endgeneration %}{% generation %}');
    const messages = [user('a'), assistant('b', 0), user('c'), assistant('d')];
    expect(learned(twice, messages).join('')).toBe('d<|im_end|>');
  });

  it('does not show the weight to the template', () => {
    expect(learned(`{{ messages[1].weight is defined }}${source}`, [user('a'), assistant('b', 1)])).toEqual([
      'b<|im_end|>',
    ]);
    const shown = new ChatTemplate(
      { default: '{{ messages[0].weight is defined }}' },
      {},
      { now: new Date(0) },
    );
    expect(findTrainedSpans([assistant('b', 1)], tokenizer, shown).text).toBe('False');
  });
});

describe('a template that marks nothing', () => {
  const chatml =
    "{% for m in messages %}{% if loop.first and m.role != 'system' %}<|im_start|>system\nYou help.<|im_end|>\n{% endif %}" +
    "{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>' + '\n' }}{% endfor %}" +
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";

  it('teaches the turn with the token that ends it, without the line end after', () => {
    expect(learned(chatml, CHAT)).toEqual(['A permission.<|im_end|>', ' It is so. <|im_end|>']);
  });

  it('teaches the ending token of a model that pads with it', () => {
    const template = new ChatTemplate({ default: chatml }, {}, { now: new Date(0) });
    const { ids, trained } = encodeChat(CHAT, tokenizer, template);
    const ends = ids.flatMap((id, index) => (id === 4 ? [trained[index]] : []));
    expect(ends).toEqual([0, 0, 1, 0, 1]);
  });

  it('teaches only the messages that have weight', () => {
    expect(learned(chatml, [user('a'), assistant('b', 0), user('c'), assistant('d')])).toEqual([
      'd<|im_end|>',
    ]);
  });

  it('tells equal messages apart', () => {
    const messages = [user('same'), assistant('same', 0), user('same'), assistant('same')];
    const template = new ChatTemplate({ default: chatml }, {}, { now: new Date(0) });
    const { text, spans } = findTrainedSpans(messages, tokenizer, template);
    expect(spans).toHaveLength(1);
    expect(spans[0]!.start).toBe(text.lastIndexOf('same'));
  });

  it('teaches the space that a template puts before the answer, if the prompt ends before it', () => {
    const inst =
      "{% for m in messages %}{% if m.role == 'user' %}{{ '[INST] ' + m.content + ' [/INST]' }}{% else %}" +
      "{{ ' ' + m.content + eos_token }}{% endif %}{% endfor %}";
    expect(learned(inst, CHAT)).toEqual([' A permission.</s>', '  It is so. </s>']);
  });

  it('teaches all of a turn that no token ends', () => {
    const plain =
      "{% for m in messages %}{{ m.role + ': ' + m.content + '\n' }}{% endfor %}" +
      "{% if add_generation_prompt %}{{ 'assistant: ' }}{% endif %}";
    expect(learned(plain, CHAT)).toEqual(['A permission.\n', ' It is so. \n']);
  });

  it('finds turns that a template writes otherwise once the conversation goes on', () => {
    const thinking =
      "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' }}{% if m.role == 'assistant' and loop.last %}" +
      "{{ '<think>\n\n</think>\n\n' }}{% endif %}{{ m.content.strip() + '<|im_end|>\n' }}{% endfor %}" +
      "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";
    expect(learned(thinking, CHAT)).toEqual([
      'A permission.<|im_end|>',
      '<think>\n\n</think>\n\nIt is so.<|im_end|>',
    ]);
  });

  it('leaves out of the turn what the prompt for generation has written already', () => {
    const prompted =
      "{% for m in messages %}{{ '<|im_start|>' + m.content + '<|im_end|>' }}{% endfor %}" +
      "{% if add_generation_prompt %}{{ '<|im_start|><think>\n' }}{% endif %}";
    expect(learned(prompted, [user('a'), assistant('<think>\nhm</think>b')])).toEqual([
      'hm</think>b<|im_end|>',
    ]);
    expect(learned(prompted, [user('a'), assistant('b')])).toEqual(['b<|im_end|>']);
  });

  it('teaches tool calls', () => {
    const calling =
      "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' }}{% for c in m.tool_calls or [] %}" +
      "{{ '<call>' + (c.function | tojson) + '</call>' }}{% endfor %}{{ m.content + '<|im_end|>\n' }}{% endfor %}" +
      "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";
    const messages: TrainingMessage[] = [
      user('Weather?'),
      {
        role: 'assistant',
        content: '',
        tool_calls: [{ type: 'function', function: { name: 'f', arguments: '{"city": "Bern"}' } }],
      },
      { role: 'tool', content: 'rain' },
      assistant('Rain.'),
    ];
    expect(learned(calling, messages, [{}])).toEqual([
      '<call>{"name": "f", "arguments": {"city": "Bern"}}</call><|im_end|>',
      'Rain.<|im_end|>',
    ]);
  });

  it('finds a tool call that a template writes otherwise once the conversation goes on', () => {
    const calling =
      "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' }}{% if loop.last %}{{ '<last>' }}{% endif %}" +
      "{% for c in m.tool_calls or [] %}{{ '<call>' + (c.function | tojson) + '</call>' }}{% endfor %}" +
      "{{ m.content + '<|im_end|>\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";
    const messages: TrainingMessage[] = [
      user('Weather?'),
      {
        role: 'assistant',
        content: '',
        tool_calls: [{ function: { name: 'f', arguments: '{"city": "Bern"}' } }],
      },
      { role: 'tool', content: 'rain' },
      assistant('Rain.'),
    ];
    expect(learned(calling, messages, [{}])).toEqual([
      '<call>{"name": "f", "arguments": {"city": "Bern"}}</call><|im_end|>',
      '<last>Rain.<|im_end|>',
    ]);
  });

  it('learns from the first message where it is the assistant’s', () => {
    const strict = `{% if messages[0].role != 'x' %}${chatml}{% endif %}`;
    expect(learned(strict, [assistant('Hello'), user('a'), assistant('b')])).toEqual([
      'Hello<|im_end|>',
      'b<|im_end|>',
    ]);
  });

  it('teaches nothing of a message that the template does not show', () => {
    expect(learned('{{ messages[0].content }}', [user('a'), assistant('b')])).toEqual([]);
  });
});
