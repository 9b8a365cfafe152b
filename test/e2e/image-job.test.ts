/** A training on images that is killed ends with the bits of one left alone. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { TrainerJobInput } from '#contracts/trainer-job.js';
import { writeImageClassifier } from '../classifier-folder.js';
import { pictures } from './pictures.js';
import { tinyResults, writeTinyClassificationJob } from './tiny-job.js';
import { runForked, writeJob } from './trainer-process.js';

let folder: string;
let job: TrainerJobInput;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'images-'));
  job = await writeTinyClassificationJob(folder);
  const lines = (await pictures(0, 36)).map((row) => JSON.stringify(row));
  await writeFile(join(folder, 'train.jsonl'), `${lines.slice(0, 24).join('\n')}\n`);
  await writeFile(join(folder, 'validation.jsonl'), `${lines.slice(24).join('\n')}\n`);
}, 120_000);
afterAll(() => rm(folder, { recursive: true }));

const resultsOf = (output: string) => tinyResults(join(folder, output));

test.each([
  ['resnet', String.raw`.*encoder.*\.convolution`],
  ['vit', ['q_proj', 'v_proj']],
])(
  'a run on images by %s that is killed while it learns ends with the same bits',
  async (family, targets) => {
    const base = join(folder, family);
    await writeImageClassifier(family, base);
    const own = {
      ...job,
      base_model: base,
      lora: { r: 2, lora_alpha: 4, target_modules: targets },
      training: { ...job.training, block_length: 'auto' as const },
    };
    const output = (name: string) => ({
      output_folder: `${family}-${name}`,
      cache_folder: `${family}-${name}-cache`,
    });
    const control = await runForked(await writeJob(folder, { ...own, ...output('control') }));
    expect(control.code).toBe(0);
    const file = await writeJob(folder, { ...own, ...output('killed') });
    const { signal } = await runForked(file, { resume: true }, (message, { child }) => {
      if (message.type === 'step' && message.step === 14) child.kill('SIGKILL');
    });
    expect(signal).toBe('SIGKILL');
    const { code, messages } = await runForked(file, { resume: true });
    expect(code).toBe(0);
    expect(messages.filter((message) => message.type === 'warning')).toEqual([]);
    expect(await resultsOf(`${family}-killed`)).toEqual(await resultsOf(`${family}-control`));
  },
);
