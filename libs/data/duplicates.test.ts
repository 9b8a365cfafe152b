import { expect, test } from 'vitest';
import { DuplicateCounter } from '#data/duplicates.js';

test('equal rows are told from rows that have only their prompt in common', () => {
  const counter = new DuplicateCounter();
  const completion = (prompt: string, completion: string) =>
    counter.add({ kind: 'completion', prompt, completion });
  completion('Who?', 'Me.');
  completion('Who?', 'Me.');
  completion('Who?', 'You.');
  completion('Where?', 'Me.');
  expect(counter).toMatchObject({ rows: 1, prompts: 1 });
});

test('images are the same by their files and classes', () => {
  const counter = new DuplicateCounter();
  const image = (byte: number, label: string) =>
    counter.add({ kind: 'image', file: Uint8Array.of(byte), label });
  image(1, 'cat');
  image(2, 'cat');
  image(1, 'cat');
  image(1, 'dog');
  expect(counter).toMatchObject({ rows: 1, prompts: 1 });
});
