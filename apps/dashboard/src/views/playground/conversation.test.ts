import { expect, test } from 'vitest';
import { mistakesOf, noAnswer, requestOf, rowOf, statsText, stopsOf, usualSettings } from './conversation.js';
import { targetOf } from './targets.js';

const turns = [
  { role: 'user', content: 'Who?' },
  { ...noAnswer, content: 'Me.' },
  { role: 'user', content: 'Why?' },
] as const;

test('a request has the conversation and what the form says, and nothing that it leaves open', () => {
  const settings = { ...usualSettings, system: 'Be brief.', seed: '7', stop: '\\n\nEND', length: '' };
  expect(requestOf('chat', targetOf('adapter-A'), 'base', settings, turns)).toEqual({
    model: 'adapter-A',
    messages: [
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: 'Who?' },
      { role: 'assistant', content: 'Me.' },
      { role: 'user', content: 'Why?' },
    ],
    temperature: 0.7,
    top_p: 1,
    seed: 7,
    stop: ['\n', 'END'],
  });
  expect(requestOf('text', targetOf('base'), '', usualSettings, turns.slice(2))).toEqual({
    model: 'base',
    prompt: 'Why?',
    max_tokens: 256,
    temperature: 0.7,
    top_p: 1,
  });
});

test('a schema and probabilities are asked for in the words of each route', () => {
  const settings = { ...usualSettings, schema: '{"type":"object"}', showsTokens: true };
  expect(requestOf('chat', targetOf('base'), '', settings, turns)).toMatchObject({
    response_format: { type: 'json_schema', json_schema: { name: 'answer', schema: { type: 'object' } } },
    logprobs: true,
    top_logprobs: 3,
  });
  const text = requestOf('text', targetOf('base'), '', settings, turns);
  expect(text).toMatchObject({ logprobs: 3 });
  expect(text).not.toHaveProperty('response_format');
});

test('fields that are no numbers and too many stop texts are named', () => {
  expect(Object.values(mistakesOf(usualSettings)).filter(Boolean)).toEqual([]);
  expect(
    mistakesOf({ ...usualSettings, length: '0', seed: '1.5', stop: 'a\nb\nc\nd\ne', schema: '[]' }),
  ).toEqual({
    schema: 'Give a JSON object.',
    length: 'Give a whole number of 1 or more.',
    seed: 'Give a whole number.',
    stop: 'Give 4 texts at most.',
  });
  expect(stopsOf('a\n\nb ')).toEqual(['a', 'b ']);
});

test('a row of training data is what was said up to the answer, as the file has rows', () => {
  expect(rowOf('chat', ' ', turns.slice(0, 1), 'You.')).toEqual({
    messages: [
      { role: 'user', content: 'Who?' },
      { role: 'assistant', content: 'You.' },
    ],
  });
  expect(rowOf('text', 'ignored', turns.slice(2), ' Because.')).toEqual({
    prompt: 'Why?',
    completion: ' Because.',
  });
});

test('the rate is that of the tokens after the first', () => {
  expect(statsText({ tokens: 21, seconds: 2.5, firstSeconds: 0.5 })).toBe(
    '21 tokens, 10 tokens/s, first after 0.50 s',
  );
  expect(statsText({ tokens: 1, seconds: 0.5, firstSeconds: 0.5 })).toBe(
    '1 token, 0.5 s, first after 0.50 s',
  );
  expect(statsText({ tokens: null, seconds: 0.25, firstSeconds: null })).toBe('0.3 s');
});
