import { join } from 'node:path';
import { expect, test } from 'vitest';
import { flatAdapter, unflattenFactors } from '#adapters/flat-factors.js';
import { readAdapter } from '#adapters/read-adapter.js';
import { adapterLayout } from '#lora/adapter-layout.js';

test('the factors of an adapter lie in one vector, A before B, and come back out of it as copies', async () => {
  const adapter = await readAdapter(join(import.meta.dirname, '../../test/fixtures/lora/patterns/final'));
  const { modules, parameters } = flatAdapter(adapter);
  const [first] = modules;
  const { A, B } = adapter.modules.get(first!.path)!;
  expect(parameters.subarray(0, A.length)).toEqual(A);
  expect(parameters.subarray(A.length, A.length + B.length)).toEqual(B);
  const factors = unflattenFactors(adapterLayout(modules), parameters);
  parameters.fill(0);
  expect([...factors.keys()]).toEqual([...adapter.modules.keys()]);
  for (const [path, { A, B }] of factors) {
    expect({ A, B }).toEqual({ A: adapter.modules.get(path)!.A, B: adapter.modules.get(path)!.B });
  }
});
