import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { loadChatTemplate } from '#data/chat-template.js';
import { loadTokenizer } from '#data/load-tokenizer.js';
import { Generator, type CompletionOptions } from '#generation/generator.js';
import type { NextTokenModel } from '#generation/next-token-model.js';

const folder = join(import.meta.dirname, '../../test/fixtures/tokenizers/byte-level-gpt2');
const tokenizer = await loadTokenizer(folder);
const template = await loadChatTemplate(folder, tokenizer);
const encode = (text: string) => tokenizer.encode(text, { addSpecialTokens: false });
const end = tokenizer.stopIds[0]!;

interface Scripted extends NextTokenModel {
  readonly prompts: number[][];
  readonly parameters: (Float32Array | undefined)[];
}

/** A model that says the given tokens whatever it is asked. */
function scripted(answer: readonly number[]): Scripted {
  const prompts: number[][] = [];
  const parameters: (Float32Array | undefined)[] = [];
  return {
    maxLength: 100,
    prompts,
    parameters,
    logitsAfter: (tokens, used) => {
      prompts.push([...tokens]);
      parameters.push(used);
      const next = answer[tokens.length - prompts[0]!.length]!;
      return Promise.resolve(new Float32Array(tokenizer.vocabularySize).fill(0).fill(1, next, next + 1));
    },
  };
}

function generatorOf(model: NextTokenModel, parameterCount = 0): Generator {
  return new Generator({ tokenizer, template }, parameterCount, model, () => Promise.resolve());
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

  test('of messages is rendered up to the turn of the assistant', async () => {
    const model = scripted([end]);
    const messages = [{ role: 'user', content: 'What is a license?' }];
    await generatorOf(model).complete(messages);
    expect(tokenizer.decode(model.prompts[0]!)).toBe(
      template.render(messages, { addGenerationPrompt: true }),
    );
  });
});

describe('an adapter', () => {
  test('is the one in use when the answer began, or none', async () => {
    const model = scripted([...encode('abcdef'), end]);
    const generator = generatorOf(model, 2);
    generator.setAdapter(Float32Array.of(1, 2));
    let count = 0;
    const onToken = () => void (++count === 2 && generator.setAdapter(Float32Array.of(3, 4)));
    await generator.complete('x', { onToken });
    expect(new Set(model.parameters)).toEqual(new Set([Float32Array.of(1, 2)]));
    await generator.complete('x', { maxTokens: 1 });
    expect(model.parameters.at(-1)).toEqual(Float32Array.of(3, 4));
    await generator.complete('x', { maxTokens: 1, useAdapter: false });
    expect(model.parameters.at(-1)).toBeUndefined();
  });

  test('is copied, so that training may go on changing its vector', async () => {
    const model = scripted([end]);
    const generator = generatorOf(model, 2);
    const vector = Float32Array.of(1, 2);
    generator.setAdapter(vector);
    vector[0] = 9;
    await generator.complete('x');
    expect(model.parameters[0]).toEqual(Float32Array.of(1, 2));
  });

  test('of another layout is refused', () => {
    expect(() => generatorOf(scripted([]), 2).setAdapter(new Float32Array(3))).toThrow(
      expect.objectContaining({ code: 'adapter_layout_mismatch', details: { given: 3, expected: 2 } }),
    );
  });
});
