import { readsImages } from '#data/input-codec.js';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseJobCreate } from '#contracts/http/job-create.js';
import { knownModel } from '#jobs/known-models.js';
import { planJob, type PlanRequest } from '#jobs/plan.js';
import { PlanError } from '#jobs/plan-problems.js';
import { type DataHead, readHead } from '#training/data-head.js';
import { bufferAccess } from '#data/formats/random-access.js';
import { readingOf } from '#training/objectives/declared/registry.js';
import { parsedTrainingOptions } from '#training/options.js';
import { showExamples } from '#training/measure-head.js';
import { writeTinyJob } from '../../test/e2e/tiny-job.js';

let folder: string;
let written: object;
let request: PlanRequest;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'plan-'));
  const job = await writeTinyJob(folder);
  const { seed: _, ...training } = job.training as Record<string, unknown>;
  written = { lora: job.lora, training, seed: 7 };
  request = asking({});
});

/** A job as a body asks for it, beside what all these tests write. */
function asking(body: object, initAdapter: PlanRequest['initAdapter'] = null): PlanRequest {
  const job = parseJobCreate({ model: 'tiny', training_file: 'file-1', ...written, ...body });
  const { training, lora, device, seed, learningRateMultiplier, options, loraConfig } = job;
  return {
    base: { name: 'tiny', folder: join(folder, 'model'), identity: 'sha256:1' },
    requested: { training, lora, device, seed, learningRateMultiplier },
    options,
    lora: loraConfig,
    initAdapter,
  };
}
afterAll(() => rm(folder, { recursive: true }));

const codec = async () => ({
  ...(await (await knownModel(request.base.folder, request.base.identity)).codec()),
  reading: readingOf({ type: 'supervised' }),
});

function headOf(content: string): () => Promise<DataHead> {
  const bytes = Buffer.from(content);
  const source = { name: 'train.jsonl', content: bufferAccess(bytes) };
  return async () => readHead(source, await codec());
}

async function stored(name: string): Promise<() => Promise<DataHead>> {
  return headOf(await readFile(join(folder, name), 'utf8'));
}

async function problemsOf(
  asked: PlanRequest,
  data?: () => Promise<DataHead>,
): Promise<Record<string, string>> {
  const planned = planJob(asked, data && { training: data, validation: null });
  const error: unknown = await planned.then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(error).toBeInstanceOf(PlanError);
  return Object.fromEntries((error as PlanError).problems.map(({ field, message }) => [field, message]));
}

test('weights that are trained as they are, are told apart from layers with an update', async () => {
  const lora = { r: 2, target_modules: ['q_proj'], modules_to_save: ['lm_head'] };
  const plan = await planJob(asking({ lora }));
  expect(plan.modules.map(({ path, r }) => [path, r])).toEqual([
    ['model.layers.0.self_attn.q_proj', 2],
    ['model.layers.1.self_attn.q_proj', 2],
  ]);
  const [{ name, shape }, ...others] = plan.wholeWeights as [(typeof plan.wholeWeights)[0]];
  expect(others).toEqual([]);
  expect(name).toBe('lm_head.weight');
  expect(plan.trainableParameters).toBe(2 * 2 * 64 + shape[0]! * shape[1]!);
});

test('a head that the method does not train is refused with the field', async () => {
  const lora = { r: 2, target_modules: ['q_proj'], modules_to_save: ['lm_head'] };
  const problems = await problemsOf(asking({ lora, training: { method: { type: 'dpo' } } }));
  expect(problems['lora.modules_to_save']).toMatch(
    /trains lm_head, which the method dpo cannot.*leave lm_head out/,
  );
});

test('a plan tells modules, parameters and bytes without any data', async () => {
  const plan = await planJob(request);
  expect(
    plan.modules.map(({ path, inFeatures, outFeatures, r }) => [path, inFeatures, outFeatures, r]),
  ).toEqual([
    ['model.layers.0.self_attn.q_proj', 32, 32, 4],
    ['model.layers.0.self_attn.v_proj', 32, 16, 4],
    ['model.layers.1.self_attn.q_proj', 32, 32, 4],
    ['model.layers.1.self_attn.v_proj', 32, 16, 4],
  ]);
  expect(plan.trainableParameters).toBe(2 * 4 * (64 + 48));
  expect(plan.modules.map(({ parameters }) => parameters)).toEqual([256, 192, 256, 192]);
  expect(plan.wholeWeights).toEqual([]);
  expect(plan.adapterBytes).toBeGreaterThan(4 * plan.trainableParameters);
  expect(plan).toMatchObject({ data: null, warnings: [] });
  expect(plan.runsOn.filter(({ runs }) => !runs)).toEqual([
    { program: 'llama.cpp, Ollama', runs: false, reason: 'it reads GGUF', export: 'gguf' },
  ]);
});

test('with data it counts what the trainer will count', async () => {
  const data = { training: await stored('train.jsonl'), validation: await stored('validation.jsonl') };
  const plan = await planJob(request, data);
  // The numbers of the trainer's own report on this job.
  expect(plan.data?.training).toMatchObject({ examples: 50, tokens: 1883, estimated: false });
  expect(plan.data?.validation?.examples).toBe(10);
  const { lengths } = plan.data!.training;
  expect(lengths.counts.reduce((sum, count) => sum + count, 0)).toBe(50);
  expect(lengths.max).toBeLessThanOrEqual(lengths.width * lengths.counts.length);
  expect(plan.data!.totalSteps).toBe(20);
  expect(plan.data!.run.steps).toBe(20);
  expect(plan.data!.run.stepOperations).toBeGreaterThan(0);
  expect(plan.data!.choices.map(({ option }) => option)).toContain('block_length');
});

test('examples are shown up to the length of a block', async () => {
  const head = await (await stored('train.jsonl'))();
  const own = await codec();
  if (readsImages(own)) throw new Error('the tiny model reads texts');
  const { tokenizer } = own;
  const shown = showExamples(head, tokenizer, 16);
  expect(shown.map(({ line }) => line)).toEqual([1, 2, 3, 4, 5]);
  expect(shown[0]).toMatchObject({ line: 1, shownTokens: 16 });
  expect(shown[0]!.tokens).toBeGreaterThan(16);
  expect(showExamples(head, tokenizer, 100)[0]!.pieces.some(({ trained }) => trained)).toBe(true);
});

test('every option has a value and a reason, but for those that the machine decides', async () => {
  const plan = await planJob(request, { training: await stored('train.jsonl'), validation: null });
  const { settled, reasons } = plan.data!;
  const open = Object.entries(settled).filter(([, value]) => value === 'auto');
  expect(open.map(([option]) => option).toSorted()).toEqual(
    ['batch_size', 'memory_limit_bytes', 'n_epochs', 'recompute', 'threads'].toSorted(),
  );
  const of = (option: string) => reasons.find((entry) => entry.option === option);
  expect(of('max_steps')).toMatchObject({ value: 20, source: 'request' });
  expect(of('n_epochs')).toMatchObject({ source: 'request', reason: 'follows from max_steps' });
  expect(of('learning_rate')).toMatchObject({ source: 'request' });
  expect(of('block_length')).toMatchObject({ value: 128, source: 'rule' });
  expect(of('weight_decay')).toMatchObject({ value: 0, source: 'default' });
  expect(of('recompute')).toMatchObject({ value: null, source: 'machine' });
  expect(of('lora.r')).toMatchObject({ value: 4, source: 'request' });
  expect(of('lora.lora_dropout')?.reason).toBeTruthy();
  expect(of('seed')).toMatchObject({ value: 7, source: 'request' });
  expect(of('device')).toMatchObject({ value: null, source: 'machine' });
  expect(reasons.every(({ reason }) => reason !== '')).toBe(true);
  // A trainer takes them as they are.
  expect(parsedTrainingOptions.parse(settled)).toEqual(settled);
});

test('a job that asks for nothing gets options that a trainer takes', async () => {
  const data = { training: await stored('train.jsonl'), validation: await stored('validation.jsonl') };
  const { settled, totalSteps } = (await planJob(asking({ training: {}, lora: null }), data)).data!;
  expect(settled).toMatchObject({ max_steps: null, n_epochs: expect.any(Number) as unknown, seed: 7 });
  expect(settled.eval_steps).toBe(Math.ceil(totalSteps / 10));
  expect(parsedTrainingOptions.parse(settled)).toEqual(settled);
});

test('a multiplier is of the learning rate that the width of the model decides', async () => {
  const data = { training: await stored('train.jsonl'), validation: null };
  const times = (learning_rate_multiplier: number | null) =>
    asking({
      training: { max_steps: 4 },
      hyperparameters: learning_rate_multiplier && { learning_rate_multiplier },
    });
  const rate = async (multiplier: number | null) =>
    (await planJob(times(multiplier), data)).data!.settled.learning_rate;
  const usual = (await rate(null)) as number;
  expect(await rate(3)).toBeCloseTo(3 * usual, 10);
  const { 'training.learning_rate': problem } = await problemsOf(times(1000));
  expect(problem).toContain(`1000 times the usual ${usual}`);
  expect(problem).toContain(`at most ${Math.floor(1 / usual)}`);
});

test('a file of which nothing is left to learn is refused', async () => {
  const row = { prompt: 'a '.repeat(200), completion: 'b' };
  const data = headOf(`${JSON.stringify(row)}\n`);
  expect(await problemsOf(asking({ training: { block_length: 16 } }), data)).toHaveProperty('training_file');
});

test('a first row that is longer than what is looked at is read whole', async () => {
  const row = (text: string) => `${JSON.stringify({ prompt: 'a', completion: text })}\n`;
  const rows = row('b '.repeat(800_000)) + row('c').repeat(5);
  const { data } = await planJob(request, { training: headOf(rows), validation: null });
  expect(data!.training).toMatchObject({ estimated: true, truncatedExamples: 1 });
});

test('a large file is judged by its beginning', async () => {
  const rows = (await readFile(join(folder, 'train.jsonl'), 'utf8')).repeat(300);
  expect(rows.length).toBeGreaterThan(1 << 20);
  const plan = await planJob(request, { training: headOf(rows), validation: null });
  expect(plan.data?.training.estimated).toBe(true);
  expect(plan.data?.training.examples).toBeGreaterThan(14_900);
  expect(plan.data?.training.examples).toBeLessThan(15_100);
});

test('names that match nothing are a warning', async () => {
  const plan = await planJob(asking({ lora: { target_modules: ['q_proj', 'qproj'] } }));
  expect(plan.warnings).toEqual([
    { code: 'unmatched_names', message: 'lora.target_modules: qproj matches nothing in this model' },
  ]);
});

describe('a job that cannot be', () => {
  test('is refused for modules that the model does not have, and blocks that it cannot read', async () => {
    const problems = await problemsOf(
      asking({ lora: { target_modules: ['wq'] }, training: { block_length: 256 } }),
    );
    expect(problems['lora.target_modules']).toContain('matches no linear layer');
    expect(problems['training.block_length']).toContain('128');
  });

  test('is refused with the lines of its data', async () => {
    const messages = [
      { role: 'user', content: 'asked' },
      { role: 'assistant', content: 'answered' },
    ];
    const rows = [{ messages }, { text: 'other kind' }];
    const data = headOf(`${rows.map((row) => JSON.stringify(row)).join('\n')}\n`);
    const planned = planJob(request, { training: data, validation: null });
    await expect(planned).rejects.toMatchObject({
      code: 'job_invalid',
      problems: expect.arrayContaining([
        expect.objectContaining({ field: 'training_file', line: 2, code: 'mixed_row_kinds' }),
      ]) as unknown,
    });
  });

  test('is refused for an adapter of another base or shape', async () => {
    const config = { r: 8, target_modules: ['q_proj'] };
    const adapter = { id: 'adapter-1', config, baseIdentity: 'sha256:1' };
    expect(await problemsOf(asking({}, adapter))).toHaveProperty('init_adapter');
    expect(await problemsOf(asking({ lora: null }, { ...adapter, baseIdentity: 'sha256:2' }))).toHaveProperty(
      'init_adapter',
    );
    const plan = await planJob(asking({ lora: null }, adapter));
    expect(plan.lora).toMatchObject({ r: 8, target_modules: ['q_proj'] });
  });
});

test('a plan counts what of the rows the template does not show', async () => {
  const call = { type: 'function', function: { name: 'f', arguments: '{}' } };
  const row = JSON.stringify({
    messages: [
      { role: 'user', content: 'a' },
      { role: 'assistant', content: null, tool_calls: [call] },
      { role: 'tool', content: '1', tool_call_id: 'x' },
      { role: 'assistant', content: 'b' },
    ],
    source: 'mine',
  });
  const head = headOf(`${row}\n`.repeat(3));
  const plan = await planJob(request, { training: head, validation: head });
  const [calls, turns, field, ...ofValidation] = plan.warnings;
  expect(calls).toMatchObject({ code: 'hidden_tool_calls', message: expect.stringContaining('3 of 3 rows') });
  expect(turns).toMatchObject({ code: 'empty_turn' });
  expect(field).toMatchObject({
    code: 'unknown_field',
    message: expect.stringContaining('"source" of 3 rows'),
  });
  expect(ofValidation.map(({ message }) => message.startsWith('Validation file: '))).toEqual([
    true,
    true,
    true,
  ]);
  const long = await readHead(
    { name: 'a', content: bufferAccess(Buffer.from(`${row}\n`.repeat(5))) },
    await codec(),
    { maxExamples: 2 },
  );
  expect(long.warnings[0]!.message).toContain('2 of the first 2 rows');
});
