import { expect, test } from 'vitest';
import type { TextCompletion } from '#contracts/http/completions.js';
import type { Answer } from './conversation.js';
import { streamAnswer } from './stream-answer.js';

const head = { id: 'c', object: 'text_completion', created: 1, model: 'm' } as const;
const piece = (text: string, finish_reason: 'stop' | null = null): TextCompletion => ({
  ...head,
  choices: [{ index: 0, logprobs: null, text, finish_reason }],
  usage: null,
});
const counted: TextCompletion = {
  ...head,
  choices: [],
  usage: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 },
};

async function answersOf(pieces: () => AsyncGenerator<TextCompletion>, signal: AbortSignal) {
  let time = 0;
  const client = {
    streamChat: () => {
      throw new Error('not asked');
    },
    streamText: pieces,
  };
  const answers: Answer[] = [];
  const request = { model: 'm', prompt: 'p' };
  for await (const answer of streamAnswer(client, request, signal, () => (time += 100))) answers.push(answer);
  return answers;
}

const open = new AbortController().signal;

test('an answer grows, and ends with its tokens counted', async () => {
  const answers = await answersOf(async function* () {
    yield piece('One');
    yield piece(' two.', 'stop');
    yield counted;
  }, open);
  expect(answers.map(({ content, state }) => [content, state])).toEqual([
    ['One', 'writing'],
    ['One two.', 'writing'],
    ['One two.', 'done'],
  ]);
  expect(answers.at(-1)).toMatchObject({ finish: 'stop', error: null, stats: { tokens: 2 } });
});

test('tokens come with their probabilities where these were asked for', async () => {
  const logprobs = {
    tokens: ['One'],
    token_logprobs: [-0.5],
    text_offset: [0],
    top_logprobs: [{ One: -0.5, Two: -1.5 }],
  };
  const scored = piece('One');
  const answers = await answersOf(async function* () {
    yield { ...scored, choices: [{ ...scored.choices[0]!, logprobs }] };
    yield piece('', 'stop');
  }, open);
  const top = [
    { text: 'One', logprob: -0.5 },
    { text: 'Two', logprob: -1.5 },
  ];
  expect(answers.at(-1)!.tokens).toEqual([{ text: 'One', logprob: -0.5, top }]);
  const plain = await answersOf(async function* () {
    yield piece('One', 'stop');
  }, open);
  expect(plain.at(-1)).not.toHaveProperty('tokens');
});

test('what came before an error stays, with the error', async () => {
  const answers = await answersOf(async function* () {
    yield piece('One');
    throw new Error('the generator died');
  }, open);
  expect(answers.at(-1)).toMatchObject({ content: 'One', state: 'done', error: 'the generator died' });
});

test('an answer that is stopped keeps what was written and is no mistake', async () => {
  const stopping = new AbortController();
  const answers = await answersOf(async function* () {
    yield piece('One');
    stopping.abort();
    throw stopping.signal.reason;
  }, stopping.signal);
  expect(answers.at(-1)).toMatchObject({ content: 'One', state: 'done', finish: 'stopped', error: null });
});
