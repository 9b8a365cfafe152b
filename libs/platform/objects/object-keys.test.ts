import { expect, test } from 'vitest';
import { checkKey, checkPrefix, keySegment } from '#platform/objects/object-keys.js';

test.each([
  ['train.jsonl', 'train.jsonl'],
  ['my data (1).jsonl', 'my_data_1_.jsonl'],
  ['../../etc/passwd', 'passwd'],
  ['C:\\data\\train.jsonl', 'train.jsonl'],
  ['.hidden', 'hidden'],
  ['..', 'file'],
  ['', 'file'],
  ['Übung.jsonl', 'U_bung.jsonl'],
  ['数据', '_'],
  [`${'x'.repeat(300)}.jsonl`, `${'x'.repeat(194)}.jsonl`],
])('the file name %j goes into a key as %j', (name, segment) => {
  expect(keySegment(name)).toBe(segment);
  expect(() => checkKey(`files/file-x/${keySegment(name)}`)).not.toThrow();
});

test('a prefix is the beginning of keys, with or without its last slash', () => {
  for (const prefix of ['', 'jobs', 'jobs/', 'jobs/ftjob-x/att']) {
    expect(() => checkPrefix(prefix), prefix).not.toThrow();
  }
  for (const prefix of ['/', '..', 'jobs/../', 'jobs//']) {
    expect(() => checkPrefix(prefix), prefix).toThrow(/not a valid object key/);
  }
});
