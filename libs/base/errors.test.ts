import { expect, test } from 'vitest';
import { factsOf, LowrankError, UnsupportedError } from '#base/errors.js';

test('a typed error keeps its code, its cause and the name of its class', () => {
  const cause = new Error('disk');
  const error = new LowrankError('disk_full', 'no room for the checkpoint', { cause });
  expect(error).toMatchObject({ code: 'disk_full', name: 'LowrankError', cause });
});

test('something unsupported carries facts for programs', () => {
  const error = new UnsupportedError('architecture Foo is unknown', { architecture: 'Foo' });
  expect(error).toMatchObject({ code: 'unsupported', details: { architecture: 'Foo' } });
});

test.each([
  ['of the file system, without a path', Object.assign(new Error('write'), { code: 'ENOSPC', errno: -28 })],
  ['of a quota', Object.assign(new Error('write'), { code: 'EDQUOT' })],
  ['of Postgres', Object.assign(new Error('could not extend file'), { code: '53100' })],
  ['within another error', new Error('x', { cause: Object.assign(new Error('write'), { code: 'ENOSPC' }) })],
])('a full disk is no bug: one %s', (_, error) => {
  expect(factsOf(error)).toMatchObject({ code: 'disk_full' });
});

test('a typed error stays what it is, whatever its cause', () => {
  const cause = Object.assign(new Error('write'), { code: 'ENOSPC' });
  expect(factsOf(new LowrankError('store_full', 'x', { cause })).code).toBe('store_full');
});
