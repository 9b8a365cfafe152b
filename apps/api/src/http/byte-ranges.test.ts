import { expect, test } from 'vitest';
import { rangesOf } from './byte-ranges.js';

test.each([
  ['bytes=0-', [[0, 9]]],
  ['bytes=3-', [[3, 9]]],
  ['bytes=0-0', [[0, 0]]],
  ['bytes=2-5', [[2, 5]]],
  ['bytes=2-500', [[2, 9]]],
  ['bytes=-3', [[7, 9]]],
  ['bytes=-500', [[0, 9]]],
  [
    'Bytes= 1-2 , 5-6',
    [
      [1, 2],
      [5, 6],
    ],
  ],
  [
    'bytes=8-9,0-1',
    [
      [8, 9],
      [0, 1],
    ],
  ],
  ['bytes=5-6,0-2,2-4', [[0, 6]]],
  ['bytes=20-30,1-2', [[1, 2]]],
  ['bytes=9007199254740993-,0-1', [[0, 1]]],
])('%s asks for parts of ten bytes', (header, expected) => {
  expect(rangesOf(header, 10)).toEqual(expected.map(([first, last]) => ({ first, last })));
});

test.each(['bytes=10-', 'bytes=10-20', 'bytes=-0', 'bytes=12-13,99-'])(
  '%s asks for nothing that is there',
  (header) => {
    expect(rangesOf(header, 10)).toEqual([]);
  },
);

test('an empty file has no part to ask for', () => {
  for (const header of ['bytes=0-', 'bytes=-1', 'bytes=0-0']) expect(rangesOf(header, 0)).toEqual([]);
});

test.each([
  undefined,
  '',
  'bytes',
  'bytes=',
  'bytes=-',
  'bytes=a-b',
  'bytes=1',
  'bytes=5-2',
  'bytes=0-1,5-2',
  'lines=0-1',
  'bytes=0-1;2-3',
  'bytes=0x1-2',
  `bytes=${'0-0,'.repeat(500)}1-1`,
  `bytes=${Array.from({ length: 20 }, (_, i) => `${3 * i}-${3 * i}`).join(',')}`,
])('%s is answered with the whole', (header) => {
  expect(rangesOf(header, 100)).toBeUndefined();
});
