import { expect, test } from 'vitest';
import { licenceOf } from './card.js';

test('the licence is read from the front matter alone', () => {
  expect(licenceOf('---\nbase_model: "x"\nlicense: "apache-2.0"\n---\n# Card')).toBe('apache-2.0');
  expect(licenceOf('---\nbase_model: x\n---\nlicense: mit\n')).toBeNull();
  expect(licenceOf('---\nlicense: other\n---\n')).toBeNull();
  expect(licenceOf('license: mit')).toBeNull();
});
