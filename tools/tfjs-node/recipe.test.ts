import { expect, test } from 'vitest';
import { tfjsNodeKinds } from '#runtime/device.js';
import { recipeDigest, recipes } from './recipe.js';

test.each(tfjsNodeKinds)('everything that %s is made from has an exact version and a digest', (kind) => {
  const { backend, headers, protobuf, tensorflow, cuda } = recipes[kind];
  for (const { version, integrity } of [backend, headers, protobuf]) {
    expect(version).toMatch(/^\d+\.\d+\.\d+$/);
    expect(integrity).toMatch(/^sha512-[A-Za-z0-9+/]{86}==$/);
  }
  for (const { version, sha256 } of [tensorflow, ...cuda]) {
    expect(version).toMatch(/^\d+(\.\d+)+$/);
    expect(sha256).toMatch(/^[0-9a-f]{64}$/);
  }
});

test('a recipe that changes has another digest', () => {
  const recipe = recipes['tfjs-node'];
  const changed = { ...recipe, tensorflow: { ...recipe.tensorflow, version: '2.15.2' } };
  expect(recipeDigest(changed)).not.toBe(recipeDigest(recipe));
  expect(recipeDigest({ ...recipe })).toBe(recipeDigest(recipe));
});
