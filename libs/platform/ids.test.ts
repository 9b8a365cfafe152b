import { expect, test } from 'vitest';
import { isId, newId, randomText } from '#platform/ids.js';

test('ids have their prefix and 24 letters or digits, and never repeat', () => {
  expect(newId('ftjob')).toMatch(/^ftjob-[A-Za-z0-9]{24}$/);
  expect(newId('ftckpt')).toMatch(/^ftckpt_[A-Za-z0-9]{24}$/);
  expect(newId('key')).toMatch(/^key_[A-Za-z0-9]{24}$/);
  expect(new Set(Array.from({ length: 1000 }, () => newId('file'))).size).toBe(1000);
});

test('random texts use all letters and digits', () => {
  expect(new Set(randomText(5000)).size).toBe(62);
});

test('ids are told from other texts by their form', () => {
  expect(isId('file', newId('file'))).toBe(true);
  expect(isId('file', newId('ftjob'))).toBe(false);
  expect(isId('file', 'file-short')).toBe(false);
  expect(isId('file', `${newId('file')}/..`)).toBe(false);
});
