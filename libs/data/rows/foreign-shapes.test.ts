/** Rows of ShareGPT and Alpaca become the conversations that they mean. */
import { expect, test } from 'vitest';
import { readRecord } from '#data/rows/registry.js';

function read(fields: Record<string, unknown>, { isTable = false } = {}) {
  const problems: [string, string][] = [];
  const { row } = readRecord(fields, (field, code) => problems.push([field, code]), { isTable });
  return { row, problems };
}

const user = (content: string) => ({ role: 'user', content });
const assistant = (content: string) => ({ role: 'assistant', content });

test('a ShareGPT row with a system prompt, a tool call and its answer', () => {
  const tool = { name: 'rain', parameters: { type: 'object' } };
  const turns = [
    { from: 'human', value: 'Rain?' },
    { from: 'function_call', value: '{"name": "rain", "arguments": {"city": "Oslo"}}' },
    { from: 'observation', value: 'no' },
    { from: 'gpt', value: 'No.' },
  ];
  const expected = {
    kind: 'chat',
    messages: [
      { role: 'system', content: 'Be brief.' },
      user('Rain?'),
      {
        ...assistant(''),
        tool_calls: [{ type: 'function', function: { name: 'rain', arguments: { city: 'Oslo' } } }],
      },
      { role: 'tool', content: 'no' },
      assistant('No.'),
    ],
    tools: [{ type: 'function', function: tool }],
  };
  const row = { conversations: turns, system: 'Be brief.', tools: JSON.stringify([tool]) };
  expect(read(row).row).toEqual(expected);
  expect(read({ ...row, conversations: JSON.stringify(turns) }, { isTable: true }).row).toEqual(expected);
});

test('an Alpaca row with input, system prompt and history', () => {
  const row = {
    instruction: 'Add.',
    input: '2 2',
    output: '4',
    system: 'Count.',
    history: [['1 + 1?', '2']],
  };
  const expected = {
    kind: 'chat',
    messages: [
      { role: 'system', content: 'Count.' },
      user('1 + 1?'),
      assistant('2'),
      user('Add.\n2 2'),
      assistant('4'),
    ],
  };
  expect(read(row).row).toEqual(expected);
  expect(read({ ...row, history: '[["1 + 1?", "2"]]' }, { isTable: true }).row).toEqual(expected);
  expect(read({ instruction: 'Add.', input: '', response: '4' }).row).toEqual({
    kind: 'chat',
    messages: [user('Add.'), assistant('4')],
  });
});

test.each([
  [{ conversations: [{ from: 'alien', value: 'a' }] }, 'conversations[0].from', 'unknown_role'],
  [{ conversations: [{ from: 'human', value: '' }] }, 'conversations[0].value', 'empty'],
  [{ conversations: [{ from: 'function_call', value: 'no' }] }, 'conversations[0].value', 'wrong_type'],
  [{ conversations: [{ from: 'human', value: 'a' }] }, 'conversations', 'no_assistant_message'],
  [{ instruction: 'a', output: '' }, 'output', 'empty'],
  [{ instruction: '', output: 'b' }, 'instruction', 'empty'],
  [{ instruction: 'a', output: 'b', history: [['only a question']] }, 'history[0]', 'wrong_type'],
])('%j is refused at %s', (fields, field, code) => {
  expect(read(fields)).toEqual({ row: undefined, problems: [[field, code]] });
});
