import { join } from 'node:path';
import { expect, test } from 'vitest';
import { flatAdapter, unflattenModules } from '#adapters/flat-factors.js';
import { readAdapter } from '#adapters/read-adapter.js';

test('the factors of an adapter lie in one vector, A before B, and come back out of it as copies', async () => {
  const adapter = await readAdapter(join(import.meta.dirname, '../../test/fixtures/lora/patterns/final'));
  const { modules, parameters } = flatAdapter(adapter);
  const [first] = modules;
  const { A, B } = adapter.modules.get(first!.path)!.numbers as { A: Float32Array; B: Float32Array };
  expect(parameters.subarray(0, A.length)).toEqual(A);
  expect(parameters.subarray(A.length, A.length + B.length)).toEqual(B);
  const found = unflattenModules(modules, parameters);
  parameters.fill(0);
  expect(found).toEqual([...adapter.modules.values()]);
});
