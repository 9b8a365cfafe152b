import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { mergeDelta } from '#lora/merge-delta.js';
import { readAdapter } from '#adapters/read-adapter.js';
import { factorsOf } from '#lora/variants/registry.js';
import { openModelFolder } from '#models/model-folder.js';
import { readSafetensorsHeader, readTensorF32 } from '#models/safetensors.js';
import type { RowMap } from '#nn/module.js';
import { familyNames } from '../../test/families.js';

const fixtures = fileURLToPath(new URL('../../test/fixtures', import.meta.url));
const cases = readdirSync(path.join(fixtures, 'lora')).flatMap((name) => {
  const { family } = JSON.parse(readFileSync(path.join(fixtures, 'lora', name, 'case.json'), 'utf8')) as {
    family: string;
  };
  const isPlain = !/dora|bias|modules-to-save|embedding/.test(name);
  return familyNames.includes(family) && isPlain ? [{ name, family }] : [];
});

describe('base weight and delta add up to the weight that PEFT merged', () => {
  test.each(cases)('$name on $family', async ({ name, family }) => {
    const base = await openModelFolder(path.join(fixtures, 'families', family));
    const { modules } = await readAdapter(path.join(fixtures, 'lora', name, 'final'), { model: base.tree });
    const expected = await readSafetensorsHeader(path.join(fixtures, 'lora', name, 'expected.safetensors'));
    const merged = [...expected.tensors.keys()].filter((tensor) => tensor.startsWith('merged.'));
    expect(merged).toHaveLength(modules.size);
    for (const [module, lora] of modules) {
      const { file, offset, byteLength, shape } = base.parameters.get(`${module}.weight`)!;
      const W = await readTensorF32({ path: file }, { dtype: 'F32', offset, byteLength, shape });
      const { isTransposed } = base.tree.slotOf(module).module as RowMap;
      const actual = mergeDelta(W, factorsOf(lora, lora.numbers), { ...lora, isTransposed });
      const reference = await readTensorF32(expected, expected.tensors.get(`merged.${module}.weight`)!);
      const error = Math.max(...actual.map((value, i) => Math.abs(value - reference[i]!)));
      expect(error).toBeLessThan(1e-6);
    }
  });
});

test('the base weight is left as it is', () => {
  const W = Float32Array.of(1, 2);
  const shape = { r: 1, inFeatures: 2, outFeatures: 1, scale: 2 };
  const lora = { A: Float32Array.of(1, 10), B: Float32Array.of(3) };
  expect(mergeDelta(W, lora, shape)).toEqual(Float32Array.of(7, 62));
  expect(W).toEqual(Float32Array.of(1, 2));
});
