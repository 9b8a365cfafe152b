import { expect, test } from 'vitest';
import { labelOfTarget, modelOf, parseTargets, queryOfTargets } from './targets.js';

const query =
  '?model=org%2Fbase-1&model=adapter-A&model=ftjob-1.ftckpt_2&mix=adapter-A:0.7,ftjob-1.ftckpt_2:-0.3';

test('an address names base models, adapters, checkpoints and mixtures, and says the same again', () => {
  const targets = parseTargets(query);
  expect(targets).toEqual([
    { base: 'org/base-1', members: [] },
    { base: null, members: [{ id: 'adapter-A', job: null, weight: 1 }] },
    { base: null, members: [{ id: 'ftckpt_2', job: 'ftjob-1', weight: 1 }] },
    {
      base: null,
      members: [
        { id: 'adapter-A', job: null, weight: 0.7 },
        { id: 'ftckpt_2', job: 'ftjob-1', weight: -0.3 },
      ],
    },
  ]);
  expect(queryOfTargets(targets)).toBe(query);
});

test('more columns than fit, empty names and members that are none are left out', () => {
  expect(parseTargets('?model=a&model=b&model=c&model=d&model=e')).toHaveLength(4);
  expect(parseTargets('?model=&mix=nonsense:1&other=x')).toEqual([]);
});

test('a request names one adapter by its id, and a mixture by its base and members', () => {
  const [base, one, checkpoint, mixture] = parseTargets(query);
  expect(modelOf(base!, '')).toEqual({ model: 'org/base-1' });
  expect(modelOf(one!, 'org/base-1')).toEqual({ model: 'adapter-A' });
  expect(modelOf(checkpoint!, 'org/base-1')).toEqual({ model: 'ftckpt_2' });
  expect(modelOf(mixture!, 'org/base-1')).toEqual({
    model: 'org/base-1',
    members: [
      { adapter: 'adapter-A', weight: 0.7 },
      { checkpoint: 'ftckpt_2', weight: -0.3 },
    ],
  });
});

test('a mixture is named by its weights, with their signs', () => {
  const [mixture] = parseTargets('?mix=adapter-A:-0.5,adapter-B:1.5,adapter-C:-2');
  expect(labelOfTarget(mixture!, ['verse', 'law', 'sums'])).toBe('−0.5 × verse + 1.5 × law − 2 × sums');
});
