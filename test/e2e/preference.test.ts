/** Preference trainings, killed while the reference is asked and while they learn, end with the bits of one left alone. */
import { mkdtemp, readdir, rm, stat, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { TrainerJobInput } from '#contracts/trainer-job.js';
import type { TrainerMessage } from '#contracts/trainer-calls.js';
import { tinyResults, writeTinyPreferenceJob } from './tiny-job.js';
import { runForked, writeJob } from './trainer-process.js';

let folder: string;
let job: TrainerJobInput;
let control: readonly Buffer[];
let messages: readonly TrainerMessage[];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'preference-'));
  job = await writeTinyPreferenceJob(folder);
  ({ messages } = await runForked(await writeJob(folder, { ...job, output_folder: 'control' })));
  control = await resultsOf('control');
}, 120_000);
afterAll(() => rm(folder, { recursive: true }));

const resultsOf = (output: string) => tinyResults(join(folder, output));

test('it learns to prefer, and says so in the metrics of its objective', () => {
  const evaluations = messages.filter((message) => message.type === 'evaluation');
  const [first, last] = [evaluations[0]!, evaluations.at(-1)!];
  // The model is its own reference before the first step.
  expect(first).toMatchObject({ margin: 0, accuracy: 0, rewards_chosen: 0, rewards_rejected: 0 });
  expect(first.loss).toBeCloseTo(Math.log(2), 6);
  expect(last.loss).toBeLessThan(0.6);
  expect(last.accuracy).toBe(1);
  expect(last.margin).toBeCloseTo(last.rewards_chosen! - last.rewards_rejected!, 5);
  expect(last).not.toHaveProperty('perplexity');
});

test('what the reference was asked before a kill is not asked again, but for the block that was being written', async () => {
  const file = await writeJob(folder, { ...job, output_folder: 'early', cache_folder: 'early-cache' });
  const whole = await runForked(file);
  const asked = ({ messages }: typeof whole) =>
    messages.find((message) => message.type === 'progress' && message.stage === 'reference') as
      { readonly total: number } | undefined;
  const data = join(folder, 'early-cache/data');
  const kept = (await readdir(data)).filter((name) => name.endsWith('.reference'));
  expect(kept).toHaveLength(2);
  // As a kill leaves them: in the middle of a record.
  for (const name of kept) {
    const path = join(data, name);
    await truncate(path, Math.floor((await stat(path)).size / 2) + 3);
  }
  await rm(join(folder, 'early'), { recursive: true });
  const again = await runForked(file);
  expect(again.code).toBe(0);
  expect(asked(again)!.total).toBeGreaterThan(0);
  expect(asked(again)!.total).toBeLessThan(asked(whole)!.total);
  expect(await resultsOf('early')).toEqual(control);
});

test('a run that is killed while it learns ends with the same bits, with or without what was kept', async () => {
  const file = await writeJob(folder, { ...job, output_folder: 'late', cache_folder: 'late-cache' });
  for (const step of [5, 14]) {
    const { signal } = await runForked(file, { resume: true }, (message, { child }) => {
      if (message.type === 'step' && message.step === step) child.kill('SIGKILL');
    });
    expect(signal).toBe('SIGKILL');
    if (step === 5) await rm(join(folder, 'late-cache/data'), { recursive: true });
  }
  const { code, messages } = await runForked(file, { resume: true });
  expect(code).toBe(0);
  expect(messages.filter((message) => message.type === 'warning')).toEqual([]);
  expect(await resultsOf('late')).toEqual(control);
});

test('an adapter that training starts from is the reference, unless the base is asked for', async () => {
  const initial = { ...job, lora: null, init_adapter: join(folder, 'control/adapter') };
  const first = async (output: string, reference: 'start' | 'base') => {
    const training = { ...job.training, method: { type: 'dpo' as const, reference }, max_steps: 1 };
    const { code, messages } = await runForked(
      await writeJob(folder, { ...initial, training, output_folder: output }),
    );
    expect(code).toBe(0);
    return messages.find((message) => message.type === 'evaluation')!;
  };
  expect((await first('from-start', 'start')).margin).toBe(0);
  const { margin } = messages.filter((message) => message.type === 'evaluation').at(-1)!;
  expect((await first('from-base', 'base')).margin).toBeCloseTo(margin!, 5);
});

test('without a reference (ORPO) it learns the preferred answers, and asks nothing before', async () => {
  const training = { ...job.training, method: { type: 'orpo' as const } };
  const { code, messages } = await runForked(
    await writeJob(folder, { ...job, training, output_folder: 'orpo' }),
  );
  expect(code).toBe(0);
  expect(messages.some((message) => message.type === 'progress' && message.stage === 'reference')).toBe(
    false,
  );
  const evaluations = messages.filter((message) => message.type === 'evaluation');
  const [first, last] = [evaluations[0]!, evaluations.at(-1)!];
  expect(last.accuracy).toBe(1);
  expect(last.nll!).toBeLessThan(first.nll!);
  expect(last.log_odds!).toBeGreaterThan(first.log_odds!);
});
