import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { UnsupportedError } from '#jit/errors.js';
import { runFamilyCase } from './families.js';
import { runLoraCase } from './lora.js';

const root = join(import.meta.dirname, '../fixtures');
const families = [
  'llama',
  'llama-untied',
  'llama-bf16',
  'llama-f16-sharded',
  'llama3-rope',
  'llama-linear-rope-bias',
  'mistral',
  'qwen2',
  'qwen2-yarn',
];
const trainings = [
  'qv',
  'all-linear-rslora',
  'patterns',
  'regex-one-layer',
  'layers-to-transform',
  'adamw-options',
  'clip-accumulate-cosine',
  'exclude',
];

describe.each([
  { kind: 'families', done: families, run: runFamilyCase },
  { kind: 'lora', done: trainings, run: (folder: string) => runLoraCase(folder, join(root, 'families')) },
])('golden $kind', ({ kind, done, run }) => {
  const names = readdirSync(join(root, kind)).toSorted();

  test.each(names.filter((name) => done.includes(name)))('%s gives the numbers of PyTorch', async (name) => {
    const r = await run(join(root, kind, name));
    expect(r.largestError).toBeGreaterThanOrEqual(0);
  });

  test.each(names.filter((name) => !done.includes(name)))('%s is refused by name', async (name) => {
    await expect(run(join(root, kind, name))).rejects.toThrow(UnsupportedError);
  });
});
