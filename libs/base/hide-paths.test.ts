import { expect, test } from 'vitest';
import { hidePaths } from './hide-paths.js';

test.each([
  ['/srv/models/tiny/config.json: hidden_size is missing', 'config.json: hidden_size is missing'],
  ['base model /srv/models/tiny: it changed', 'base model tiny: it changed'],
  ["ENOENT: no such file, open '/home/a/.lowrank/work/x.json'", "ENOENT: no such file, open 'x.json'"],
  ['the folder "/srv/models/" cannot be read', 'the folder "models" cannot be read'],
  ['GET /v1/base_models/registrations lists them', 'GET /v1/base_models/registrations lists them'],
  ['1/2 of 3/4, either/or, meta/llama', '1/2 of 3/4, either/or, meta/llama'],
])('%s', (text, shown) => {
  expect(hidePaths(text)).toBe(shown);
});
