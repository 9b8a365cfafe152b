/**
 * Runs that are killed with SIGKILL at seeded random moments and resumed until they are done give the bits of a run
 * that was left alone. LOWRANK_KILLS sets the number of kills, 4 by default.
 */
import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { TrainerJobInput } from '#contracts/trainer-job.js';
import { streamKey, uniformAt } from '#jit/random.js';
import { readMetrics } from '#training/metrics-log.js';
import { tinySteps, writeTinyJob, writeTinyModel } from './tiny-job.js';
import { runForked, writeJob } from './trainer-process.js';

const kills = Number(process.env['LOWRANK_KILLS'] ?? 4);
const killsPerRun = 4;

let folder: string;
let job: TrainerJobInput;
const controls = new Map<string, Outcome>();

const precisions = ['as-stored', 'int8', 'int4'] as const;
type Precision = (typeof precisions)[number];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kill-resume-'));
  job = await writeTinyJob(folder);
  // Rows of 64 fill blocks of 4 bits.
  await writeTinyModel(join(folder, 'model'), { hidden_size: 64 });
  for (const precision of precisions)
    controls.set(precision, await undisturbed(`control-${precision}`, jobIn(precision)));
}, 120_000);
afterAll(() => rm(folder, { recursive: true }));

interface Outcome {
  readonly adapter: string;
  readonly optimizer: string;
  /** Every line of the metrics, speeds apart. */
  readonly metrics: readonly unknown[];
}

async function sha256(file: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(file))
    .digest('hex');
}

async function outcomeOf(out: string): Promise<Outcome> {
  const metrics = await readMetrics(join(out, 'metrics.jsonl'));
  const last = `step-${String(tinySteps).padStart(6, '0')}`;
  return {
    adapter: await sha256(join(out, 'adapter', 'adapter_model.safetensors')),
    optimizer: await sha256(join(out, 'checkpoints', last, 'optimizer.safetensors')),
    metrics: metrics.map((record) => ({ ...record, tokens_per_second: 0 })),
  };
}

const jobIn = (base_precision: Precision): TrainerJobInput => ({
  ...job,
  training: { ...job.training, base_precision },
});

async function undisturbed(output: string, job: TrainerJobInput): Promise<Outcome> {
  const file = await writeJob(folder, { ...job, output_folder: output });
  const { code } = await runForked(file);
  expect(code).toBe(0);
  return outcomeOf(join(folder, output));
}

/** Runs a job and kills it some milliseconds after it has told of a step, or before the first. */
async function runAndKill(file: string, kill: number, random: (what: string) => number): Promise<boolean> {
  const step = Math.floor(((kill + random('step')) / killsPerRun) * tinySteps);
  const delay = random('delay') * 12;
  let killed = false;
  const { signal } = await runForked(file, { resume: true }, (message, { child }) => {
    const reached = message.type === 'step' ? message.step >= step : step === 0 && message.type === 'plan';
    if (!reached || killed) return;
    killed = true;
    void sleep(delay).then(() => child.kill('SIGKILL'));
  });
  return signal === 'SIGKILL';
}

const rounds = Math.ceil(kills / killsPerRun);

const runs = Array.from({ length: rounds }, (_, round) =>
  precisions.map((precision) => [round, precision] as const),
).flat();

test.each(runs)(
  'run %i in %s, killed again and again, ends with the bits of the undisturbed run',
  async (round, precision) => {
    const output = `killed-${round} ${precision}`;
    const file = await writeJob(folder, { ...jobIn(precision), output_folder: output });
    let landed = 0;
    for (let kill = 0; kill < killsPerRun; kill++) {
      const random = (what: string) => uniformAt(streamKey(round, kill, what), 0);
      if (await runAndKill(file, kill, random)) landed++;
    }
    const { code, messages } = await runForked(file, { resume: true });
    expect(messages.at(-1)).toMatchObject({ type: 'finished' });
    expect(code).toBe(0);
    expect(landed).toBeGreaterThanOrEqual(killsPerRun / 2);
    expect(await outcomeOf(join(folder, output))).toEqual(controls.get(precision));
    const left = await readdir(join(folder, output, 'checkpoints'));
    expect(left.filter((name) => name.startsWith('.'))).toEqual([]);
  },
  300_000,
);

test('a damaged newest checkpoint is passed over with a warning, and the bits stay the same', async () => {
  const file = await writeJob(folder, { ...job, output_folder: 'damaged' });
  await runForked(file, {}, (message, { child }) => {
    if (message.type === 'step' && message.step === 14) child.kill('SIGKILL');
  });
  const checkpoints = join(folder, 'damaged', 'checkpoints');
  const newest = (await readdir(checkpoints))
    .filter((name) => name.startsWith('step-'))
    .toSorted()
    .at(-1)!;
  const optimizer = join(checkpoints, newest, 'optimizer.safetensors');
  const bytes = await readFile(optimizer);
  bytes[bytes.length - 3]! ^= 4;
  await writeFile(optimizer, bytes);
  const { code, messages } = await runForked(file, { resume: true });
  expect(code).toBe(0);
  expect(messages).toContainEqual(
    expect.objectContaining({ type: 'warning', code: 'checkpoint_corrupt' }) as unknown,
  );
  expect(await outcomeOf(join(folder, 'damaged'))).toEqual(controls.get('as-stored'));
}, 120_000);

test('resuming a run that is done gives its adapter again', async () => {
  const file = await writeJob(folder, { ...job, output_folder: 'control-as-stored' });
  const { code, messages } = await runForked(file, { resume: true });
  expect(code).toBe(0);
  expect(messages.filter(({ type }) => type === 'step')).toEqual([]);
  expect(await outcomeOf(join(folder, 'control-as-stored'))).toEqual(controls.get('as-stored'));
}, 60_000);
