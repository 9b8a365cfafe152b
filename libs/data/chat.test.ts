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

  describe.each(['metaspace-turns', 'byte-level-gpt2'])('with the tokens of %s', (name) => {
    const closed =
      "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>\n' }}{% endfor %}" +
      "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% else %}{{ '<|endoftext|>' }}{% endif %}";
    const texts = async (source: string, messages: readonly TrainingMessage[]): Promise<string[]> => {
      const own = await loadTokenizer(join(fixtures, name));
      const template = new ChatTemplate({ default: source }, {}, { now: new Date(0) });
      const { text, spans } = findTrainedSpans(messages, own, template);
      return spans.map(({ start, end }) => text.slice(start, end));
    };

    it('teaches no more than the turn where a token of its own ends the conversation', async () => {
      const messages = [user('One?'), assistant('First.'), user('Two?'), assistant('Second.')];
      expect(await texts(closed, messages)).toEqual(['First.<|im_end|>', 'Second.<|im_end|>']);
    });

    it('teaches a greeting before the first user with the token that ends it', async () => {
      const messages = [assistant('Welcome.'), user('Two?'), assistant('Second.')];
      const strict = `{% if messages[0].role != 'x' %}${closed}{% endif %}`;
      expect(await texts(closed, messages)).toEqual(['Welcome.<|im_end|>', 'Second.<|im_end|>']);
      expect(await texts(strict, messages)).toEqual(['Welcome.<|im_end|>', 'Second.<|im_end|>']);
    });

    it('teaches the end of turns where a conversation without a user is refused', async () => {
      const refusing =
        "{% if messages | selectattr('role', 'equalto', 'user') | list | length == 0 %}" +
        `{{ raise_exception('no user') }}{% endif %}${closed}`;
      const messages = [assistant('Welcome.'), user('Two?'), assistant('Second.')];
      expect(await texts(refusing, messages)).toEqual(['Welcome.<|im_end|>', 'Second.<|im_end|>']);
    });
  });

  it('teaches the token that ends a turn, where the last turn ends with another', () => {
    const returning =
      "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' + m.content }}{{ '</s>' if loop.last and not add_generation_prompt else '<|im_end|>' }}{% endfor %}" +
      "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";
    expect(learned(returning, CHAT)).toEqual(['A permission.<|im_end|>', ' It is so. </s>']);
  });

  it('teaches nothing of the next turn where a template ends with a prompt for it, asked or not', () => {
    const messages = [...CHAT, user('More?'), assistant('No.'), assistant('Really.')];
    const turns =
      "{% for m in messages %}{{ '<|start_header_id|>' + m.role + '<|end_header_id|>\n\n' + m.content + '<|eot_id|>' }}" +
      "{% endfor %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}";
    const ends = (token: string) =>
      ['A permission.', ' It is so. ', 'No.', 'Really.'].map((text) => `${text}${token}`);
    expect(learned(turns, messages)).toEqual(ends('<|eot_id|>'));
    expect(learned(`{{ bos_token }}${turns}`, messages)).toEqual(ends('<|eot_id|>'));
    const opened =
      "{% for m in messages %}{{ '<|' + m.role + '|>' + m.content }}{% endfor %}{{ '<|assistant|>' }}";
    expect(learned(opened, CHAT)).toEqual(ends('').slice(0, 2));
    const written =
      "{% for m in messages %}{{ '### ' + m.role + '\n' + m.content }}{% if m.role == 'assistant' %}</s>{% endif %}\n" +
      "{% endfor %}{{ '### assistant\n' }}";
    expect(learned(written, messages)).toEqual(ends('</s>'));
  });

  it('teaches nothing of a message that a template leaves out until it is answered', () => {
    const late =
      "{% for m in messages %}{% if m.role != 'system' %}{% if loop.index0 == 1 and messages[0].role == 'system' %}" +
      "{{ '<|im_start|>system\n' + messages[0].content + '<|im_end|>\n' }}{% endif %}" +
      "{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}{% endif %}{% endfor %}" +
      "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";
    const messages = [{ role: 'system', content: 'Brief.' }, assistant('Hi.'), user('a'), assistant('b')];
    expect(learned(late, messages)).toEqual(['Hi.<|im_end|>', 'b<|im_end|>']);
  });

  it('teaches a token that ends the conversation where none ends a turn', () => {
    const plain =
      "{% for m in messages %}{{ m.role + ': ' + m.content + '\n' }}{% endfor %}{% if not add_generation_prompt %}" +
      "{{ '</s>' }}{% else %}{{ 'assistant: ' }}{% endif %}";
    expect(learned(plain, CHAT)).toEqual(['A permission.\n', ' It is so. \n</s>']);
  });

  it('teaches nothing of a message that the template does not show', () => {
    expect(learned('{{ messages[0].content }}', [user('a'), assistant('b')])).toEqual([]);
  });
});

describe('what a template does not show', () => {
  const chatml =
    "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}{% endfor %}" +
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";
  const call = { type: 'function', function: { name: 'price', arguments: '{"symbol": "ACME"}' } };
  const calling: TrainingMessage[] = [
    user('How much?'),
    { role: 'assistant', content: null, tool_calls: [call] },
    { role: 'tool', content: '129', tool_call_id: 'a', name: 'price' },
    assistant('It is 129.'),
  ];
  const tools = [{ type: 'function', function: { name: 'price', parameters: { type: 'object' } } }];

  function look(source: string, messages: readonly TrainingMessage[], given?: readonly unknown[]) {
    const template = new ChatTemplate({ default: source }, {}, { now: new Date(0) });
    const { text, spans, notes } = findTrainedSpans(messages, tokenizer, template, { tools: given });
    return {
      learned: spans.map(({ start, end }) => text.slice(start, end)),
      notes: notes.map(({ code, subject }) => `${code} ${subject}`),
    };
  }

  it('is nothing where all is shown', () => {
    expect(look(chatml, CHAT).notes).toEqual([]);
    expect(look(chatml, [user(' a \n'), assistant('<think>b</think>c')]).notes).toEqual([]);
  });

  it('is never trained: a turn that only calls tools, in the text of a template without tools', () => {
    const notes = ['hidden_tools tools', 'hidden_tool_calls tool_calls', 'empty_turn assistant'];
    expect(look(chatml, calling, tools)).toEqual({ learned: ['It is 129.<|im_end|>'], notes });
    const marking = chatml
      .replace(
        "{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}",
        '<|im_start|>{{ m.role }}\nX',
      )
      .replace('X', '{% generation %}{{ m.content }}<|im_end|>{% endgeneration %}\n');
    const learnedParts = look(
      marking
        .replace('{% generation %}', "{% if m.role == 'assistant' %}{% generation %}")
        .replace('{% endgeneration %}', '{% endgeneration %}{% else %}{{ m.content }}<|im_end|>{% endif %}'),
      calling,
      tools,
    );
    expect(learnedParts).toEqual({ learned: ['It is 129.<|im_end|>'], notes });
  });

  it('is told apart from what is shown: tools, the names of calls and their arguments', () => {
    const named = chatml.replace(
      '+ m.content +',
      "+ (m.tool_calls | default([], true) | map(attribute='function.name') | join) + m.content +",
    );
    expect(look(named, calling, tools).notes).toEqual(['hidden_tools tools', 'hidden_arguments tool_calls']);
    const whole = `{{ tools | tojson(ensure_ascii=true) }}${chatml.replace(
      '+ m.content +',
      '+ (m.tool_calls | tojson(ensure_ascii=true) if m.tool_calls else m.content) +',
    )}`;
    expect(look(whole, calling, tools).notes).toEqual([]);
  });

  it('is found by rendering, not by looking for words that stand elsewhere', () => {
    const messages = [user('Use price for ACME.'), ...calling.slice(1)];
    expect(look(chatml, messages, tools).notes).toContain('hidden_tool_calls tool_calls');
  });

  it('is reasoning, where a template drops that of earlier turns or of all', () => {
    const thinking = chatml.replace(
      '+ m.content +',
      "+ (m.reasoning_content if loop.last and m.reasoning_content else '') + m.content +",
    );
    const messages = [
      user('a'),
      { ...assistant('b'), reasoning: 'first thought' },
      user('c'),
      { ...assistant('d'), reasoning_content: 'second thought' },
    ];
    expect(look(thinking, messages).notes).toEqual(['hidden_reasoning reasoning_content']);
    expect(look(thinking, messages.slice(2)).notes).toEqual([]);
    expect(look(chatml, messages).notes).toHaveLength(2);
    const within = chatml.replace('+ m.content +', "+ m.content.split('</think>')[-1] +");
    expect(look(within, [user('a'), assistant('<think>hm</think>b')])).toEqual({
      learned: ['b<|im_end|>'],
      notes: ['hidden_reasoning content'],
    });
  });

  it('is any field of a message that holds something', () => {
    const messages = [
      { ...user('a'), name: 'Ann', mood: 'glad' },
      { ...assistant('b'), refusal: null, annotations: [], audio: {}, prefix: false, score: 0.5 },
    ];
    expect(look(chatml, messages).notes).toEqual([
      'hidden_field name',
      'hidden_field mood',
      'hidden_field score',
    ]);
    expect(look(`{{ messages[0].name }}{{ messages[1].score }}${chatml}`, messages).notes).toEqual([
      'hidden_field mood',
    ]);
  });

  it('is what messages of a role say', () => {
    const silent = chatml.replace('+ m.content +', "+ (m.content if m.role != 'system' else '') +");
    const messages = [{ role: 'system', content: 'Be brief.' }, user('a'), assistant('b')];
    expect(look(silent, messages).notes).toEqual(['hidden_content system']);
  });
});

describe('encodeChat', () => {
  it('keeps one token that begins a text where template and message both bring it', async () => {
    const own = await loadTokenizer(join(fixtures, 'metaspace-turns'));
    const source = '{{ bos_token }}{% for m in messages %}{{ m.content }}{% endfor %}';
    const template = new ChatTemplate({ default: source }, own.templateVariables, { now: new Date(0) });
    const once = encodeChat([user('What'), assistant('b')], own, template);
    const twice = encodeChat([user('<s>What'), assistant('b')], own, template);
    expect(once.ids[0]).toBe(own.special.bos!.id);
    expect(own.decode(twice.ids)).toBe('<s> Whatb');
    expect(twice.trained).toHaveLength(twice.ids.length);
  });
});
