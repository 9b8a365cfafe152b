import { describe, expect, test } from 'vitest';
import { DatasetReader } from '#data/dataset.js';
import { DataError } from '#data/data-error.js';
import type { PreferenceRow, Row, RowKind } from '#data/rows/row.js';

const kindsOf: Readonly<Record<'dpo' | 'supervised', readonly RowKind[]>> = {
  dpo: ['preference'],
  supervised: ['chat', 'completion', 'text'],
};

async function read(rows: readonly object[], type: 'dpo' | 'supervised' = 'dpo'): Promise<Row[]> {
  async function* content() {
    await Promise.resolve();
    yield Buffer.from(rows.map((row) => JSON.stringify(row)).join('\n'));
  }
  const reading = {
    kinds: kindsOf[type],
    explainOther: (kind: RowKind) => `${kind} rows are not for ${type}`,
  };
  const reader = new DatasetReader(content(), { name: 'pairs.jsonl', reading });
  const found: Row[] = [];
  for await (const batch of reader.batches()) found.push(...batch.map(({ row }) => row));
  reader.problems.throwIfAny();
  return found;
}

async function problemOf(row: object, type: 'dpo' | 'supervised' = 'dpo') {
  const error = await read([row], type).catch((error: unknown) => error);
  expect(error).toBeInstanceOf(DataError);
  const { file, line, field, code, message } = (error as DataError).problems[0]!;
  expect([file, line]).toEqual(['pairs.jsonl', 1]);
  return { field, code, message };
}

const user = (content: string) => ({ role: 'user', content });
const assistant = (content: string) => ({ role: 'assistant', content });
const openai = {
  input: { messages: [user('Hi'), assistant('Yes?'), user('Who?')], tools: [], parallel_tool_calls: true },
  preferred_output: [assistant('Me.')],
  non_preferred_output: [assistant('You.')],
};

describe('preference rows', () => {
  test("of OpenAI's API have the prompt as context of both answers", async () => {
    const [row] = (await read([openai])) as [PreferenceRow];
    const prompt = [user('Hi'), { ...assistant('Yes?'), weight: 0 }, user('Who?')];
    expect(row.chosen).toMatchObject({ kind: 'chat', messages: [...prompt, assistant('Me.')] });
    expect(row.rejected).toMatchObject({ kind: 'chat', messages: [...prompt, assistant('You.')] });
  });

  test.each([
    [
      'a prompt of its own',
      { prompt: [user('Who?')], chosen: [assistant('Me.')], rejected: [assistant('You.')] },
    ],
    [
      'the prompt in both',
      { chosen: [user('Who?'), assistant('Me.')], rejected: [user('Who?'), assistant('You.')] },
    ],
  ])('of TRL as messages have %s', async (_, row) => {
    const [read1] = (await read([row])) as [PreferenceRow];
    expect(read1.chosen).toMatchObject({ messages: [user('Who?'), assistant('Me.')] });
    expect(read1.rejected).toMatchObject({ messages: [user('Who?'), assistant('You.')] });
  });

  test('of TRL as texts have a prompt, or share their beginning up to a space', async () => {
    const rows = await read([
      { prompt: 'The sky is', chosen: ' blue', rejected: ' green' },
      { chosen: 'The sky is blue', rejected: 'The sky is green' },
    ]);
    for (const row of rows as PreferenceRow[]) {
      expect(row.chosen).toEqual({ kind: 'completion', prompt: 'The sky is', completion: ' blue' });
      expect(row.rejected).toEqual({ kind: 'completion', prompt: 'The sky is', completion: ' green' });
    }
  });

  test('go before conversations where preferences are learned, and after them elsewhere', async () => {
    const row = { messages: [user('a'), assistant('b')], prompt: 'a', chosen: 'b', rejected: 'c' };
    expect((await read([row]))[0]!.kind).toBe('preference');
    expect((await read([row], 'supervised'))[0]!.kind).toBe('chat');
  });

  test.each([
    [
      'equal answers',
      { ...openai, non_preferred_output: [assistant('Me.')] },
      'non_preferred_output',
      'equal_answers',
    ],
    ['equal texts', { prompt: 'a', chosen: 'b', rejected: 'b' }, 'rejected', 'equal_answers'],
    ['no answer', { ...openai, preferred_output: [] }, 'preferred_output', 'empty'],
    [
      'an empty answer',
      { ...openai, preferred_output: [assistant('')] },
      'preferred_output[0].content',
      'empty',
    ],
    ['an empty text', { prompt: 'a', chosen: '', rejected: 'b' }, 'chosen', 'empty'],
    ['an answer that is the prompt', { chosen: 'The sky', rejected: 'The sky is blue' }, 'chosen', 'empty'],
    ['no input', { ...openai, input: undefined }, 'input', 'missing_field'],
    ['an input of another type', { ...openai, input: 'Who?' }, 'input', 'wrong_type'],
    [
      'no rejected answer',
      { ...openai, non_preferred_output: undefined },
      'non_preferred_output',
      'missing_field',
    ],
    ['no chosen text', { prompt: 'a', rejected: 'b' }, 'chosen', 'missing_field'],
    [
      'different prompts',
      { chosen: [user('a'), assistant('b')], rejected: [user('A'), assistant('c')] },
      'rejected[0]',
      'different_prompts',
    ],
    [
      'an answer that asks',
      { ...openai, preferred_output: [user('Who?'), assistant('Me.')] },
      'preferred_output[0].role',
      'not_allowed',
    ],
    [
      'an answer without an end',
      { ...openai, preferred_output: [{ role: 'tool', content: '1' }] },
      'preferred_output[0].role',
      'last_message_not_assistant',
    ],
    [
      'a prompt as text beside messages',
      { prompt: 'a', chosen: [assistant('b')], rejected: [assistant('c')] },
      'prompt',
      'wrong_type',
    ],
    ['no prompt at all', { chosen: [assistant('b')], rejected: [assistant('c')] }, 'prompt', 'missing_field'],
    [
      'tools that are none',
      { ...openai, input: { ...openai.input, tools: 'all' } },
      'input.tools',
      'wrong_type',
    ],
  ])('are refused for %s', async (_, row, field, code) => {
    expect(await problemOf(row)).toMatchObject({ field, code });
  });

  test('are refused where other kinds of rows are to be learned', async () => {
    const { code, message } = await problemOf(openai, 'supervised');
    expect([code, message]).toEqual(['other_row_kind', 'preference rows are not for supervised']);
    const other = await problemOf({ messages: [user('a'), assistant('b')] });
    expect(other.message).toBe('chat rows are not for dpo');
  });
});
