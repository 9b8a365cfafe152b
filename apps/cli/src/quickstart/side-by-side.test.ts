import { expect, test } from 'vitest';
import { sideBySide, wrap } from './side-by-side.js';

test('lines break between words, and within a word that is too long', () => {
  expect(wrap('in the beginning', 8)).toEqual(['in the', 'beginnin', 'g']);
  expect(wrap('a\nb', 8)).toEqual(['a', 'b']);
});

test('two texts stand in two columns', () => {
  const lines = sideBySide({ title: 'base', text: 'one two' }, { title: 'adapter', text: 'three' }, 15);
  expect(lines).toEqual(['base   | adapter', '----   | ------', 'one    | three', 'two    |']);
});
