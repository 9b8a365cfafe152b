import '@tensorflow/tfjs-backend-cpu';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadTokenizer } from '#data/load-tokenizer.js';
import type { RunnerChoice } from '#generation/bucket-model.js';
import { ClassModel } from '#generation/class-model.js';
import { openModelFolder } from '#models/model-folder.js';
import { goldenTexts, writeClassifier } from '../../test/classifier-folder.js';
import { absoluteError, tolerances } from '../../test/tolerances.js';

let scratch: string;
beforeAll(async () => void (scratch = await mkdtemp(join(tmpdir(), 'classes-'))));
afterAll(() => rm(scratch, { recursive: true }));

const compiled: RunnerChoice = {
  kind: 'compiled',
  device: 'cpu',
  threads: 2,
  spin: false,
  cacheFolder: undefined,
};

async function open(family: string, runner: RunnerChoice): Promise<ClassModel> {
  const folder = join(scratch, family);
  await writeClassifier(family, folder);
  const model = await openModelFolder(folder, { tokenizer: 'required' });
  return ClassModel.create({ model, tokenizer: await loadTokenizer(folder), runner });
}

describe.each(['bert', 'roberta', 'llama-classifier'])('the classes of texts by %s', (family) => {
  test.each([compiled, { kind: 'eager', backend: 'cpu' } as const])(
    'have the probabilities of transformers, $kind',
    async (runner) => {
      const classes = await open(family, runner);
      expect(classes.labels).toEqual(['LABEL_0', 'LABEL_1', 'LABEL_2']);
      for (const { text, text_pair: pair, expected } of await goldenTexts(family)) {
        const { probabilities } = await classes.classify({ text, pair });
        expect(absoluteError(probabilities, expected)).toBeLessThan(tolerances.logits);
        expect(probabilities.reduce((sum, one) => sum + one, 0)).toBeCloseTo(1, 10);
      }
      await classes.close();
    },
  );
});

test('a text without tokens and one that is too long are refused', async () => {
  const classes = await open('roberta', compiled);
  await expect(classes.classify({ text: ' ' })).rejects.toMatchObject({ code: 'prompt_empty' });
  // 64 rows of positions, of which one is the padding's.
  await expect(classes.classify({ text: 'w5 '.repeat(64) })).rejects.toMatchObject({
    code: 'prompt_too_long',
    details: { tokens: 64, maxTokens: 63 },
  });
  expect((await classes.classify({ text: 'w5 '.repeat(63) })).tokens).toBe(63);
  await classes.close();
});
