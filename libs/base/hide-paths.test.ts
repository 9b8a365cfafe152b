import { expect, test } from 'vitest';
import { LowrankError } from './errors.js';
import { hidePaths, pathsOf } from './hide-paths.js';

test.each([
  ['/srv/models/tiny/config.json: hidden_size is missing', 'config.json: hidden_size is missing'],
  ['base model /srv/models/tiny: it changed', 'base model tiny: it changed'],
  ["ENOENT: no such file, open '/home/a/.lowrank/work/x.json'", "ENOENT: no such file, open 'x.json'"],
  ['the folder "/srv/models/" cannot be read', 'the folder "models" cannot be read'],
  ['/srv/my models/tiny one/config.json: is missing', 'config.json: is missing'],
  ['/srv/my models/tiny is missing', 'tiny is missing'],
  ["open '/home/a b/the models (old)/x, y: z.json'", "open 'x, y: z.json'"],
  ['from /srv/one/two to /srv/three/four', 'from two to four'],
  ['GET /v1/base_models/registrations lists them', 'GET /v1/base_models/registrations lists them'],
  ['1/2 of 3/4, either/or, meta/llama', '1/2 of 3/4, either/or, meta/llama'],
])('%s', (text, shown) => {
  expect(hidePaths(text)).toBe(shown);
});

test('a path that is known is found with whatever stands in it', () => {
  const folder = '/srv/models (old), new: 2';
  const cause = new LowrankError('model_folder_not_found', 'x', { details: { folder } });
  const known = pathsOf(
    new LowrankError('internal_error', 'y', { cause, details: { file: `${folder}/tiny` } }),
  );
  expect(known).toEqual([`${folder}/tiny`, folder]);
  expect(hidePaths('/srv/models (old), new: 2/tiny/config.json: is missing', known)).toBe(
    'tiny/config.json: is missing',
  );
});
