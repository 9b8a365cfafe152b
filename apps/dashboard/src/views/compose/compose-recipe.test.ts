import { expect, test } from 'vitest';
import { bodyOf, parseRecipe, queryOf } from './compose-recipe.js';

test('a recipe survives its address', () => {
  const query = '?adapter-a1=0.7&ftjob-b2.ftckpt_c3=-1.25&rank=8';
  const recipe = parseRecipe(query);
  expect(recipe).toEqual({
    members: [
      { id: 'adapter-a1', job: null, weight: 0.7 },
      { id: 'ftckpt_c3', job: 'ftjob-b2', weight: -1.25 },
    ],
    form: { kind: 'rank', rank: 8 },
  });
  expect(queryOf(recipe)).toBe(query);
  expect(bodyOf(recipe)).toEqual({
    members: [
      { adapter: 'adapter-a1', weight: 0.7 },
      { checkpoint: 'ftckpt_c3', weight: -1.25 },
    ],
    rank: 8,
  });
});

test('what an address says that makes no sense is left out', () => {
  const recipe = parseRecipe('?adapter-a=Infinity&adapter-a=2&x=1&rank=0.5&energy=2&adapter-=1&%3Cb%3E=1');
  expect(recipe).toEqual({ members: [{ id: 'adapter-a', job: null, weight: 1 }], form: { kind: 'exact' } });
  expect(queryOf(parseRecipe(''))).toBe('');
  expect(parseRecipe('?adapter-a=').members[0]!.weight).toBe(1);
});
