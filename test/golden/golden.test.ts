import '@tensorflow/tfjs-backend-cpu';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { UnsupportedError } from '#base/errors.js';
import { type GoldenCase, goldenCases } from './registry.js';

const root = join(import.meta.dirname, '../fixtures');

/** Folders of numbers of a reference. Every other one must be refused by name, not answered wrongly. */
const isReference = ({ name }: GoldenCase) =>
  /^(families|lora|layers|peft-layers|magnitudes|inits|compose|tokenizers)\/|^dpo$/.test(name);
/** As many as there were when this was written: a case that is lost is missed. */
const fewestCases = 90;

describe('golden cases', () => {
  const cases = goldenCases(root);

  test('no case is lost', () => {
    expect(cases.filter(isReference).length).toBeGreaterThanOrEqual(fewestCases);
  });

  test.each(cases.filter(isReference))('$name gives the numbers of the reference', async ({ run }) => {
    const { largestError } = await run();
    expect(largestError).toBeLessThan(1);
  });

  test.each(cases.filter((each) => !isReference(each)))('$name is refused by name', async ({ run }) => {
    await expect(run()).rejects.toThrow(UnsupportedError);
  });
});
