import { expect, test } from 'vitest';
import { normGroups, shortKind } from './module-norms.js';

test('modules are grouped by kind, and layers are in order of their numbers', () => {
  const groups = normGroups([
    { path: 'model.layers.10.mlp.up_proj', norm: 3 },
    { path: 'model.layers.2.mlp.up_proj', norm: 2 },
    { path: 'model.layers.2.self_attn.q_proj', norm: 1 },
    { path: 'lm_head', norm: 4 },
  ]);
  expect(groups.map(({ kind, rows }) => [shortKind(kind), rows.map(({ layer }) => layer)])).toEqual([
    ['mlp.up_proj', [2, 10]],
    ['self_attn.q_proj', [2]],
    ['lm_head', [null]],
  ]);
});
