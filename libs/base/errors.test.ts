import { expect, test } from 'vitest';
import { LowrankError, UnsupportedError } from '#base/errors.js';

test('a typed error keeps its code, its cause and the name of its class', () => {
  const cause = new Error('disk');
  const error = new LowrankError('disk_full', 'no room for the checkpoint', { cause });
  expect(error).toMatchObject({ code: 'disk_full', name: 'LowrankError', cause });
});

test('something unsupported carries facts for programs', () => {
  const error = new UnsupportedError('architecture Foo is unknown', { architecture: 'Foo' });
  expect(error).toMatchObject({ code: 'unsupported', details: { architecture: 'Foo' } });
});
