import { expect, test } from 'vitest';
import type { Report } from '#data/field-report.js';
import { readRecord } from '#data/rows/registry.js';

const read = (record: Record<string, unknown>) => {
  const problems: string[] = [];
  const report: Report = (field, code, message) => problems.push(`${field} ${code}: ${message}`);
  return { ...readRecord(record, report), problems };
};

test.each([
  [
    { text: 'a', label: 'x' },
    { text: 'a', label: 'x' },
  ],
  [
    { text: 'a', label: 3 },
    { text: 'a', label: '3' },
  ],
  [
    { text: 'a', label: true },
    { text: 'a', label: 'true' },
  ],
  [
    { sentence: 'a', label: 0 },
    { text: 'a', label: '0' },
  ],
  [
    { text: 'a', text_pair: 'b', label: 'x' },
    { text: 'a', pair: 'b', label: 'x' },
  ],
  [
    { sentence1: 'a', sentence2: 'b', label: 1 },
    { text: 'a', pair: 'b', label: '1' },
  ],
  [
    { premise: 'a', hypothesis: 'b', label: 2 },
    { text: 'a', pair: 'b', label: '2' },
  ],
  [
    { question1: 'a', question2: 'b', label: 0 },
    { text: 'a', pair: 'b', label: '0' },
  ],
])('%j is a text with its class', (record, row) => {
  expect(read(record)).toEqual({ row: { kind: 'labelled', ...row }, unreadFields: [], problems: [] });
});

test.each([
  [
    { text: 'a', label: -1 },
    'label wrong_type: "label" is -1. Write the name of a class, or its number from 0.',
  ],
  [{ text: 'a', label: 0.5 }, 'label wrong_type: "label" is 0.5.'],
  [{ text: 'a', label: ['x'] }, 'label wrong_type: "label" is a list.'],
  [{ text: 'a', label: '' }, 'label missing_field: "label" has no value.'],
  [{ text: '', label: 'x' }, 'text empty'],
  [{ premise: 'a', hypothesis: 5, label: 'x' }, 'hypothesis wrong_type'],
])('%j is refused by its field', (record, problem) => {
  const { row, problems } = read(record);
  expect(row).toBeUndefined();
  expect(problems).toEqual([expect.stringContaining(problem)]);
});

test('without a label a text is a text, and so it is to whoever learns from texts', () => {
  expect(read({ text: 'a' }).row).toEqual({ kind: 'text', text: 'a' });
  expect(read({ text: 'a', label: null }).row).toEqual({ kind: 'text', text: 'a' });
});
