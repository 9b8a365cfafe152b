import { expect, test } from 'vitest';
import { nextName, withRow } from './training-file.js';

test('a row comes on a line of its own, whether or not the file ended with a line break', async () => {
  const row = { prompt: 'a', completion: 'b\n' };
  const line = '{"prompt":"a","completion":"b\\n"}\n';
  expect(await (await withRow(null, row)).text()).toBe(line);
  expect(await (await withRow(new Blob(['{"x":1}\n']), row)).text()).toBe(`{"x":1}\n${line}`);
  expect(await (await withRow(new Blob(['{"x":1}']), row)).text()).toBe(`{"x":1}\n${line}`);
  await expect(withRow(new Blob([new Uint8Array([0xff, 0xfe, 0x7b, 0])]), row)).rejects.toThrow('UTF-16');
});

test('a new file is called after the one that it goes on from', () => {
  expect(nextName('chats.jsonl')).toBe('chats-2.jsonl');
  expect(nextName('chats-2.jsonl')).toBe('chats-3.jsonl');
  expect(nextName('a.b-9')).toBe('a-2.b-9');
  expect(nextName('chats')).toBe('chats-2.jsonl');
});
