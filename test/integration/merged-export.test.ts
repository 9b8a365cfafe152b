import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { exportMerged } from '#adapters/export-merged.js';
import type { FlatAdapter } from '#adapters/flat-factors.js';
import { flatAdapter } from '#adapters/flat-factors.js';
import { LiveComposition } from '#adapters/live-composition.js';
import { openAdapter, readAdapter } from '#adapters/read-adapter.js';
import { BucketModel } from '#generation/bucket-model.js';
import { openModelFolder } from '#models/model-folder.js';
import { absoluteError, tolerances } from '../tolerances.js';

const fixtures = join(import.meta.dirname, '../fixtures');
const llama = join(fixtures, 'families/llama');
let scratch: string;
beforeAll(async () => void (scratch = await mkdtemp(join(tmpdir(), 'merged-'))));
afterAll(() => rm(scratch, { recursive: true }));

/** Logits after a few tokens, compiled. */
async function answer(folder: string, adapter?: FlatAdapter): Promise<Float32Array> {
  const model = BucketModel.create({
    model: await openModelFolder(folder),
    modules: adapter?.modules ?? [],
    selector: adapter?.selector ? 'diagonal' : 'identity',
    runner: { kind: 'compiled', device: 'cpu', threads: 2, spin: false, cacheFolder: undefined },
  });
  const logits = await model.open(adapter).extend([5, 9, 2, 31, 7, 7, 3]);
  await model.close();
  return logits;
}

test.each(['qv', 'patterns', 'regex-one-layer'])(
  'a merged model answers as its base does with the adapter: %s',
  async (name) => {
    const folder = join(fixtures, 'lora', name, 'final');
    const out = join(scratch, name);
    await exportMerged(llama, [{ adapter: await openAdapter(folder), weight: 1 }], out, {
      dtype: 'f32',
      maxShardBytes: 20_000,
    });
    const expected = await answer(llama, flatAdapter(await readAdapter(folder)));
    expect(absoluteError(await answer(out), expected)).toBeLessThan(tolerances.mergedLogits);
    expect(absoluteError(await answer(llama), expected)).toBeGreaterThan(1e-3);
  },
);

test('a merged composition answers as the live one does', async () => {
  const folders = ['adapter-0', 'adapter-1', 'adapter-2'].map((name) =>
    join(fixtures, 'compose/mixed', name),
  );
  const adapters = await Promise.all(folders.map((folder) => openAdapter(folder)));
  const members = adapters.map((adapter, i) => ({ adapter, weight: [0.07, -0.02, 0.05][i]! }));
  const out = join(scratch, 'composition');
  await exportMerged(llama, members, out, { dtype: 'f32' });
  const live = await LiveComposition.open(members);
  expect(absoluteError(await answer(out), await answer(llama, live.withWeights()))).toBeLessThan(
    tolerances.mergedLogits,
  );
});
