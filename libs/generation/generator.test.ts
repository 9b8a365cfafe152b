import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { adapterSource } from '#adapters/adapter.js';
import { LiveComposition } from '#adapters/live-composition.js';
import { ChatTemplate, loadChatTemplate } from '#data/chat-template.js';
import { loadTokenizer } from '#data/load-tokenizer.js';
import type { ChatMessage } from '#data/template-messages.js';
import { Generator, type CompletionOptions } from '#generation/generator.js';
import type { AdapterNumbers, NextTokenModel } from '#generation/next-token-model.js';
import { randomAdapter } from '../../test/random-adapters.js';

const folder = join(import.meta.dirname, '../../test/fixtures/tokenizers/byte-level-gpt2');
const tokenizer = await loadTokenizer(folder);
const template = await loadChatTemplate(folder, tokenizer);
const encode = (text: string) => tokenizer.encode(text, { addSpecialTokens: false });
const end = tokenizer.stopIds[0]!;

interface Scripted extends NextTokenModel {
  readonly prompts: number[][];
  readonly adapters: (AdapterNumbers | undefined)[];
}

/** A model that says the given tokens whatever it is asked. */
function scripted(answer: readonly number[]): Scripted {
  const prompts: number[][] = [];
  const adapters: (AdapterNumbers | undefined)[] = [];
  return {
    maxLength: 100,
    prompts,
    adapters,
    open: (used) => {
      let count = 0;
      return {
        extend: (tokens) => {
          prompts.push([...tokens]);
          adapters.push(used);
          const next = answer[count++]!;
          return Promise.resolve(new Float32Array(tokenizer.vocabularySize).fill(0).fill(1, next, next + 1));
        },
      };
    },
  };
}

function generatorOf(model: NextTokenModel, adapter?: AdapterNumbers): Generator {
  return new Generator({ tokenizer, template }, adapter, model, () => Promise.resolve());
}

/** An answer, and its text as it was streamed. */
async function answer(tokens: readonly number[], options: CompletionOptions = {}) {
  const streamed: string[] = [];
  const onToken = ({ text }: { text: string }) => streamed.push(text);
  const completion = await generatorOf(scripted(tokens)).complete('Say:', { ...options, onToken });
  return { ...completion, streamed };
}

describe('an answer', () => {
  test('ends with the stop token, whose text is not shown', async () => {
    const result = await answer([...encode(' hello'), end, ...encode('more')]);
    expect(result).toMatchObject({
      text: ' hello',
      finishReason: 'stop',
      promptTokens: encode('Say:').length,
    });
    expect(result.tokens).toEqual([...encode(' hello'), end]);
    expect(result.streamed).toHaveLength(result.tokens.length);
    expect(result.streamed.join('')).toBe(result.text);
  });

  test('is cut before a stop string that lies in several tokens', async () => {
    const ids = encode('one two STOP three');
    const result = await answer(ids, { stop: ['two STOP'] });
    expect(result).toMatchObject({ text: 'one ', finishReason: 'stop' });
    expect(ids.slice(0, result.tokens.length)).toEqual(result.tokens);
    expect(tokenizer.decode(result.tokens)).toMatch(/two STOP$/);
    expect(result.streamed.join('')).toBe('one ');
  });

  test('shows what it held back when it ends for another reason', async () => {
    const ids = encode('one two ST');
    expect(await answer([...ids, end], { stop: ['STOP'] })).toMatchObject({ text: 'one two ST' });
    const cut = await answer([...ids, ...encode('ART')], { stop: ['STOP'], maxTokens: ids.length });
    expect(cut).toMatchObject({ text: 'one two ST', finishReason: 'length' });
    expect(cut.streamed.join('')).toBe(cut.text);
  });

  test('that ends within a character shows the rest as a replacement character', async () => {
    const ids = encode('a👍');
    const result = await answer(ids, { maxTokens: ids.length - 1 });
    expect(result).toMatchObject({ text: 'a\ufffd', finishReason: 'length' });
    expect(result.streamed.join('')).toBe(result.text);
    expect((await answer([...ids, end])).text).toBe('a👍');
  });

  test('ends where a stop string is complete even if the last token is more than it', async () => {
    const ids = encode('one two');
    expect(await answer(ids, { stop: ['ne t'], maxTokens: ids.length })).toMatchObject({
      text: 'o',
      finishReason: 'stop',
    });
  });

  test('goes on past the stop token when other stop ids are asked for', async () => {
    const ids = [...encode('a'), end, ...encode('b')];
    expect(await answer(ids, { stopIds: [], maxTokens: 3 })).toMatchObject({
      text: 'ab',
      finishReason: 'length',
    });
  });

  test('fails with what the callback throws', async () => {
    const onToken = () => {
      throw new Error('connection lost');
    };
    await expect(generatorOf(scripted(encode('abc'))).complete('x', { onToken })).rejects.toThrow(
      'connection lost',
    );
  });
});

describe('a prompt', () => {
  test('of text is encoded without what a tokenizer puts behind a text', async () => {
    const model = scripted([end]);
    await generatorOf(model).complete('Say:');
    expect(model.prompts[0]).toEqual([...tokenizer.prefix, ...encode('Say:')]);
  });

  test('of token ids is taken as it is', async () => {
    const model = scripted([end]);
    const ids = encode('Say:');
    expect(await generatorOf(model).complete(ids)).toMatchObject({ promptTokens: ids.length });
    expect(model.prompts[0]).toEqual(ids);
  });

  test('of no tokens begins a new document', async () => {
    const model = scripted([end]);
    await generatorOf(model).complete([]);
    const { prefix, special } = tokenizer;
    expect(model.prompts[0]).toEqual(prefix.length > 0 ? prefix : [(special.bos ?? special.eos)!.id]);
  });

  test('of messages is rendered up to the turn of the assistant', async () => {
    const model = scripted([end]);
    const messages = [{ role: 'user', content: 'What is a license?' }];
    await generatorOf(model).complete(messages);
    expect(tokenizer.decode(model.prompts[0]!)).toBe(
      template.render(messages, { addGenerationPrompt: true }),
    );
  });
});

describe('what a chat template does not show', () => {
  const user = { role: 'user', content: 'Hi.' };
  const call = { type: 'function', function: { name: 'f', arguments: '{}' } };
  const plain = new ChatTemplate(
    { default: "{% for m in messages %}{{ m.role + ': ' + (m.content or '') + '\n' }}{% endfor %}" },
    {},
    { now: new Date(0) },
  );
  const ask = async (messages: readonly ChatMessage[]) => {
    const hidden: string[] = [];
    const generator = new Generator(
      { tokenizer, template: plain },
      undefined,
      scripted([end]),
      async () => {},
    );
    await generator.complete(messages, {
      onHidden: (parts) => hidden.push(...parts.map(({ message, field }) => `${message} ${field}`)),
    });
    return hidden;
  };

  test('is told before the answer', async () => {
    expect(await ask([user, { ...user, name: 'Ann' }])).toEqual(['1 name']);
    expect(await ask([user])).toEqual([]);
  });

  test('is refused where it is tool calls', async () => {
    const asked = ask([user, { role: 'assistant', content: null, tool_calls: [call] }, user]);
    await expect(asked).rejects.toMatchObject({ code: 'calls_hidden', details: { message: 1 } });
  });
});

describe('an adapter', () => {
  const adapterOf = (...numbers: number[]) => ({ parameters: Float32Array.from(numbers) });

  test('is the one in use when the answer began, or none', async () => {
    const model = scripted([...encode('abcdef'), end]);
    const generator = generatorOf(model, adapterOf(1, 2));
    let count = 0;
    const onToken = () => void (++count === 2 && generator.setAdapter(Float32Array.of(3, 4)));
    await generator.complete('x', { onToken });
    expect(model.adapters.length).toBeGreaterThan(2);
    expect(new Set(model.adapters)).toEqual(new Set([adapterOf(1, 2)]));
    await generator.complete('x', { maxTokens: 1 });
    expect(model.adapters.at(-1)).toEqual(adapterOf(3, 4));
    await generator.complete('x', { maxTokens: 1, useAdapter: false });
    expect(model.adapters.at(-1)).toBeUndefined();
  });

  test('of another layout is refused', () => {
    expect(() => generatorOf(scripted([]), adapterOf(1, 2)).setAdapter(new Float32Array(3))).toThrow(
      expect.objectContaining({ code: 'adapter_layout_mismatch', details: { given: 3, expected: 2 } }),
    );
  });
});

describe('weights', () => {
  const path = 'model.layers.0.self_attn.q_proj';
  const members = [1, 2].map((seed) => ({
    adapter: adapterSource(`member ${seed}`, randomAdapter(seed, { r: seed }, { [path]: [8, 6] })),
    weight: seed,
  }));

  test('belong to an answer: others under way keep theirs', async () => {
    const composition = await LiveComposition.open(members);
    const model = scripted([...encode('abcdef'), end]);
    const options = { tokenizer, template, composition };
    const generator = new Generator(options, composition.withWeights(), model, () => Promise.resolve());
    const all = [[0.5, -1], [0, 0], undefined];
    await Promise.all(all.map((weights) => generator.complete('x', { weights })));
    const used = new Set(model.adapters.map((adapter) => String(adapter!.selector)));
    const expected = all.map((weights) => String(composition.withWeights(weights).selector));
    expect(new Set(expected).size).toBe(3);
    expect(used).toEqual(new Set(expected));
    expect(new Set(model.adapters.map((adapter) => adapter!.parameters)).size).toBe(1);
    await generator.complete('x', { maxTokens: 1, useAdapter: false });
    expect(model.adapters.at(-1)).toBeUndefined();
    await expect(generator.complete('x', { weights: [1] })).rejects.toMatchObject({
      code: 'weights_miscounted',
    });
    expect(() => generator.setAdapter(new Float32Array(3))).toThrow(
      expect.objectContaining({ code: 'composition_in_use' }),
    );
  });

  test('are refused where there is no composition', async () => {
    await expect(generatorOf(scripted([end])).complete('x', { weights: [1] })).rejects.toMatchObject({
      code: 'weights_without_composition',
    });
  });
});
