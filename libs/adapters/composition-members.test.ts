import { describe, expect, test } from 'vitest';
import { adapterSource } from '#adapters/adapter.js';
import { stackMembers, sumWeights } from '#adapters/composition-members.js';
import type { CompositionMember } from '#adapters/composition-members.js';
import type { LoraConfigInput } from '#lora/config.js';
import { randomAdapter } from '../../test/random-adapters.js';
import type { LayerShapes } from '../../test/random-adapters.js';

const q = 'model.layers.0.self_attn.q_proj';
const shapes: LayerShapes = { [q]: [6, 8] };

function member(
  name: string,
  options: { weight?: number; base?: string; seed?: number; shapes?: LayerShapes } & LoraConfigInput = {},
): CompositionMember {
  const { weight = 1, base, seed = 1, shapes: own = shapes, ...config } = options;
  const adapter = randomAdapter(seed, { r: 2, target_modules: ['q_proj'], ...config }, own);
  return { adapter: adapterSource(name, adapter), weight, base };
}

const onBase = (name: string, base_model_name_or_path: string, rest = {}) =>
  member(name, { base_model_name_or_path, ...rest });

describe('refused, with the reason', () => {
  test.each<[string, CompositionMember[], string, RegExp]>([
    ['no members', [], 'composition_empty', /at least one adapter/],
    [
      'a weight that is no number',
      [member('tales', { weight: NaN })],
      'weight_not_finite',
      /weight of tales is NaN: give a number/,
    ],
    [
      'an infinite weight',
      [member('tales'), member('law', { weight: -Infinity })],
      'weight_not_finite',
      /weight of law is -Infinity/,
    ],
    [
      'weights that are all zero',
      [member('tales', { weight: 0 }), member('law', { weight: -0 })],
      'weights_all_zero',
      /base model unchanged: give at least one adapter a nonzero weight/,
    ],
    [
      'bases with different names, both named',
      [onBase('tales', 'org/small'), onBase('law', 'org/large')],
      'base_mismatch',
      /tales was trained on org\/small and law was trained on org\/large/,
    ],
    [
      'bases with different digests, both named',
      [onBase('tales', 'x', { base: 'sha256:1' }), onBase('law', 'x', { base: 'sha256:2' })],
      'base_mismatch',
      /tales was trained on x sha256:1 and law was trained on x sha256:2/,
    ],
    [
      'different revisions of a base',
      [onBase('tales', 'x', { revision: 'v1' }), onBase('law', 'x', { revision: 'v2' })],
      'base_mismatch',
      /x v1 .* x v2/,
    ],
    [
      'layers of different shapes, both named',
      [member('tales'), member('law', { shapes: { [q]: [6, 4] } })],
      'members_misfit',
      /q_proj is \[6, 8\] in tales and \[6, 4\] in law/,
    ],
  ])('%s', async (_, members, code, message) => {
    await expect(stackMembers(members)).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message) as string,
    });
  });
});

describe('one base', () => {
  test('may have two names, if the digests are equal', async () => {
    const members = [onBase('a', 'x', { base: 'sha256:1' }), onBase('b', 'y', { base: 'sha256:1', seed: 2 })];
    const { base } = await stackMembers(members);
    expect(base).toEqual({ name: 'x', revision: null, digest: 'sha256:1', licence: null });
    expect((await stackMembers(members.toReversed())).base).toEqual(base);
  });

  test('may be unknown to some members', async () => {
    const { base } = await stackMembers([
      onBase('a', ''),
      onBase('b', 'x', { seed: 2 }),
      member('c', { seed: 3 }),
    ]);
    expect(base).toEqual({ name: 'x', revision: null, digest: null, licence: null });
  });
});

test('an adapter that is listed twice is there once, with the sum of its weights', async () => {
  const { members, places, modules } = await stackMembers([
    member('a', { weight: 0.7 }),
    member('b', { weight: 0.5, seed: 2 }),
    member('a again', { weight: -0.7, lora_dropout: 0.5 }),
  ]);
  expect(members).toHaveLength(2);
  expect(places[0]).toBe(places[2]);
  expect(members[places[0]!]!.weight).toBe(0);
  expect(members[places[1]!]!.weight).toBe(0.5);
  expect(modules.map(({ rank, parts }) => [rank, parts.length])).toEqual([[4, 2]]);
});

test('adapters with other scales or factors are others', async () => {
  const { members } = await stackMembers([
    member('a'),
    member('b', { lora_alpha: 9 }),
    member('c', { seed: 2 }),
    member('d', { use_rslora: true }),
  ]);
  expect(members).toHaveLength(4);
});

test('sums of weights do not depend on the order in which they are given', () => {
  const weights = [0.1, 0.2, -0.3, 0.7];
  expect(sumWeights([0, 0, 0, 1], weights)).toEqual(
    sumWeights([1, 0, 0, 0], weights.toReversed()).toReversed().reverse(),
  );
});
