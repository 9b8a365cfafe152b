import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readAdapter } from '#adapters/read-adapter.js';
import { parseLoraConfig } from '#lora/config.js';
import { CancelRequest } from '#training/cancellation.js';
import type { TrainingEvent } from '#training/events.js';
import type { TrainingJobInput } from '#training/job.js';
import { parseTrainingOptions } from '#training/options.js';
import { trainAdapter } from '#training/run.js';
import { writeTinyJob, writeTinyPreferenceJob } from '../e2e/tiny-job.js';
import { tolerances } from '../tolerances.js';
import { runToEnd } from './whole-runs.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'subtracted-start-'));
  await writeTinyJob(folder);
});
afterAll(() => rm(folder, { recursive: true }));

const lora = { r: 4, lora_alpha: 6, target_modules: ['q_proj', 'v_proj', 'down_proj'], lora_dropout: 0.1 };

function jobOf(output: string, settings: object, options: object = {}): TrainingJobInput {
  return {
    baseModel: join(folder, 'model'),
    baseModelName: 'tiny/model',
    baseIdentity: 'sha256:tiny',
    trainingFile: join(folder, 'train.jsonl'),
    validationFile: join(folder, 'validation.jsonl'),
    lora: parseLoraConfig({ ...lora, ...settings }),
    options: parseTrainingOptions({
      learning_rate: 0.01,
      max_steps: 6,
      batch_size: 2,
      block_length: 128,
      threads: 1,
      checkpoint_steps: 2,
      ...options,
    }),
    outputFolder: join(folder, output),
    cacheFolder: join(folder, 'cache'),
  };
}

const weightsOf = (output: string) => readFile(join(folder, output, 'adapter/adapter_model.safetensors'));

describe.each([
  ['pissa', {}, { r: 8, lora_alpha: 12 }],
  ['pissa_niter_4', { use_rslora: true }, { r: 8, lora_alpha: 6 * Math.SQRT2 }],
  [
    'olora',
    { rank_pattern: { down_proj: 2 }, alpha_pattern: { v_proj: 3 } },
    { r: 8, lora_alpha: 12, rank_pattern: { down_proj: 4 }, alpha_pattern: { v_proj: 6 } },
  ],
])('a run that starts from %s', (init, settings, saved) => {
  const asked = { ...settings, init_lora_weights: init };

  test('starts as the base is, and leaves plain LoRA for it that answers as the run did in the end', async () => {
    const plain = await runToEnd(jobOf(`${init}-base`, settings, { max_steps: 1 }));
    const layers: number[] = [];
    const run = await runToEnd(jobOf(init, asked), (event) => {
      if (event.type === 'progress' && event.stage === 'adapter') layers.push(event.done);
    });
    expect(layers).toEqual([1, 2, 3, 4, 5, 6]);
    expect(Math.abs(run.first_evaluation!.loss - plain.first_evaluation!.loss)).toBeLessThan(tolerances.loss);
    expect(run.last_evaluation!.loss).toBeLessThan(run.first_evaluation!.loss);

    const { config, modules } = await readAdapter(run.adapter_folder);
    expect(config).toMatchObject({ ...saved, init_lora_weights: true });
    expect(modules.get('model.layers.0.self_attn.q_proj')!.numbers['A']).toHaveLength(8 * 32);

    const goingOn = {
      ...jobOf(`${init}-on`, {}, { max_steps: 1 }),
      lora: null,
      initAdapter: run.adapter_folder,
    };
    const next = await runToEnd(goingOn);
    expect(Math.abs(next.first_evaluation!.loss - run.last_evaluation!.loss)).toBeLessThan(tolerances.loss);
  });

  test('ends with the same bits after it was stopped and gone on with', async () => {
    const job = jobOf(`${init}-stopped`, asked);
    const controller = new AbortController();
    const onEvent = (event: TrainingEvent) => {
      if (event.type === 'step' && event.step === 3) controller.abort(new CancelRequest(true));
    };
    await expect(trainAdapter(job, { onEvent }, controller.signal)).resolves.toEqual({ status: 'cancelled' });
    const stages: string[] = [];
    await runToEnd({ ...job, resume: true }, (event) => {
      if (event.type === 'progress') stages.push(event.stage);
    });
    // The checkpoint has what was taken out of the weights: nothing is computed again.
    expect(stages).not.toContain('adapter');
    expect(await weightsOf(`${init}-stopped`)).toEqual(await weightsOf(init));
  });
});

test('the reference of a preference training is the base, whole', async () => {
  const preferences = join(folder, 'preferences');
  const { training } = await writeTinyPreferenceJob(preferences);
  const job = {
    ...jobOf('preferred', { init_lora_weights: 'pissa', lora_dropout: 0 }),
    trainingFile: join(preferences, 'train.jsonl'),
    validationFile: join(preferences, 'validation.jsonl'),
    options: parseTrainingOptions({ ...training, max_steps: 4 }),
  };
  const evaluations: number[] = [];
  await runToEnd(job, (event) => {
    if (event.type === 'evaluation') evaluations.push(event.loss);
  });
  // Nothing is preferred before the first step, since the model starts as the base is.
  expect(Math.abs(evaluations[0]! - Math.log(2))).toBeLessThan(tolerances.loss);
  expect(evaluations.at(-1)!).toBeLessThan(evaluations[0]!);
});

test('an orthogonal start changes nothing, and its rank is even', async () => {
  const asked = { init_lora_weights: 'orthogonal' };
  const plain = await runToEnd(jobOf('plain', {}, { max_steps: 1 }));
  const run = await runToEnd(jobOf('orthogonal', asked, { max_steps: 1 }));
  expect(run.first_evaluation!.loss).toBeCloseTo(plain.first_evaluation!.loss, 6);
  await expect(runToEnd(jobOf('odd', { ...asked, r: 3 }))).rejects.toMatchObject({
    code: 'unsupported',
    message: expect.stringContaining('its rank must be even, not 3') as unknown,
  });
});
