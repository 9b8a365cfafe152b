import { expect, test } from 'vitest';
import { callFormOf } from '#data/call-forms.js';

const add = '{"name": "add", "arguments": {"a": 1}}';
const call = { name: 'add', arguments: '{"a":1}' };
const hermes = callFormOf('<tool_call>\n{"name": ..., "arguments": ...}\n</tool_call>')!;
const mistral = callFormOf('{{ "[TOOL_CALLS]" }}')!;
const llama = callFormOf('Environment: ipython {"name": ..., "parameters": ...}')!;

test('calls between tags are read, and what is said before them stays', () => {
  const text = `Let me see.\n<tool_call>\n${add}\n</tool_call>\n<tool_call>\n${add}\n</tool_call>`;
  expect(hermes.read(text)).toEqual({ content: 'Let me see.', calls: [call, call] });
  expect(hermes.read(`<tool_call>${add}`)).toEqual({ content: '', calls: [call] });
});

test('a list of calls is read with its mark and without', () => {
  expect(mistral.read(`[TOOL_CALLS][${add}]`)).toEqual({ content: '', calls: [call] });
  expect(mistral.read(`[${add}, ${add}]`)).toEqual({ content: '', calls: [call, call] });
});

test('a call that is the whole answer is read, and its parameters are its arguments', () => {
  const text = '<|python_tag|>{"name": "add", "parameters": {"a": 1}}';
  expect(llama.read(text)).toEqual({ content: '', calls: [call] });
});

test('what is no call, or is broken, is left as it is', () => {
  for (const text of [
    'It is 3.',
    '<tool_call>{"name": "add", </tool_call>',
    '<tool_call>5</tool_call>',
    '{}',
  ]) {
    for (const form of [hermes, mistral, llama]) expect(form.read(text)).toBeUndefined();
  }
});

test('a template without a form that is known has none', () => {
  expect(callFormOf('{{ messages }}')).toBeUndefined();
  expect(callFormOf('<tool_call><function=name> arguments')).toBeUndefined();
});
