import { expect, test } from 'vitest';
import type { CompositionReportObject } from '#contracts/composition-report.js';
import { factorBytes, stackOf } from './compose-stack.js';

const closeness = { norm: 1, kept_norm: 1, relative_error: 0, kept_energy: 1 };

function reportOf(members: readonly number[], memberNorms: readonly number[][]): CompositionReportObject {
  return {
    recipe_id: 'sha256:0',
    stack_rank: 7,
    rank: 7,
    overall: closeness,
    modules: memberNorms.map((member_norms, i) => ({
      path: `layers.${i}.q_proj`,
      shape: [32, 16],
      rank: 3 + i,
      stack_rank: 7,
      ...closeness,
      member_norms,
    })),
    members: members.map((weight, i) => ({ digest: `sha256:${i}`, weight })),
    energy_by_rank: [],
    conflicts: null,
  };
}

test('members that the report has in another order get their own norms', () => {
  const stack = stackOf(
    reportOf(
      [4, 1, 2],
      [
        [8, 3, 2],
        [4, 4, 0],
      ],
    ),
    3,
  );
  expect(stack.norms.get('layers.0.q_proj')).toEqual([3, 1, 2]);
  expect(stack.memberNorms).toEqual([5, 1, Math.hypot(2, 1)]);
  expect(stack.rank).toBe(7);
});

test('a copy under another name shares the place of its original', () => {
  // The first and the third are one: 1 + 4.
  expect(stackOf(reportOf([5, 2], [[10, 6]]), 3).norms.get('layers.0.q_proj')).toEqual([2, 3, 2]);
});

test('the size is that of both factors of every layer in f32', () => {
  expect(factorBytes(reportOf([1], [[1], [1]]))).toBe(4 * (3 + 4) * (32 + 16));
});
