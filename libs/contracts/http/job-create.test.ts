import { describe, expect, test } from 'vitest';
import { parseJobCreate } from '#contracts/http/job-create.js';
import { metadataFilter } from '#contracts/http/jobs.js';
import { UnsupportedError } from '#base/errors.js';
import { OptionsError } from '#base/field-problems.js';
import { parseLoraConfig } from '#lora/config.js';
import { parseTrainingOptions } from '#training/options.js';

const smallest = { model: 'm', training_file: 'file-1' };

function refusalOf(body: unknown): unknown {
  try {
    return parseJobCreate(body);
  } catch (error) {
    return error;
  }
}

function problemsOf(body: unknown): string[] {
  const refusal = refusalOf(body);
  if (refusal instanceof OptionsError) return refusal.problems.map(({ field }) => field);
  return refusal instanceof UnsupportedError ? (refusal.details['options'] as string[]) : [];
}

test('a job may say what its files are, and which rows validate', () => {
  const said = { ...smallest, format: 'csv', columns: { prompt: 'question' }, validation_split: 0.1 };
  expect(parseJobCreate(said)).toMatchObject({
    form: { format: 'csv', columns: { prompt: 'question' } },
    validationSplit: 0.1,
  });
  const problems = (more: object) => {
    try {
      parseJobCreate({ ...smallest, ...more });
    } catch (error) {
      return (error as Error).message;
    }
    throw new Error('nothing was wrong');
  };
  expect(problems({ validation_split: 0.1, validation_file: 'file-2' })).toContain(
    'contradicts validation_file',
  );
  expect(problems({ validation_split: 1.5 })).toContain('give a share of the rows above 0 and below 1');
  expect(problems({ format: 'xml' })).toContain('give one of jsonl, json, csv, tsv, parquet');
  expect(problems({ columns: { promt: 'a' } })).toContain(
    'columns.promt: is no field of rows; did you mean prompt?',
  );
});

test('the smallest job says nothing but its model and its file', () => {
  expect(parseJobCreate(smallest)).toEqual({
    model: 'm',
    trainingFile: 'file-1',
    validationFile: null,
    validationSplit: null,
    form: null,
    suffix: null,
    seed: null,
    metadata: null,
    lora: null,
    training: {},
    learningRateMultiplier: null,
    device: 'auto',
    initAdapter: null,
    integrations: null,
    options: parseTrainingOptions({}),
    loraConfig: parseLoraConfig({}),
  });
});

test('the options hold every default, and all that was written in any place', () => {
  const { options, loraConfig } = parseJobCreate({
    ...smallest,
    hyperparameters: { n_epochs: 2 },
    training: { weight_decay: 0.1 },
    lora: { r: 4 },
    seed: 5,
    device: 'tfjs-node',
  });
  const written = { n_epochs: 2, weight_decay: 0.1, seed: 5, device: 'eager' };
  expect(options).toEqual({ ...parseTrainingOptions({}), ...written });
  expect(loraConfig).toEqual(parseLoraConfig({ r: 4 }));
});

test.each(['int8', 'int4'])('%s is for the device that has the kernels', (base_precision) => {
  const training = { base_precision };
  expect(parseJobCreate({ ...smallest, training })).toMatchObject({ training, device: 'cpu' });
  expect(parseJobCreate({ ...smallest, training, device: 'cpu' }).device).toBe('cpu');
  for (const device of ['webgpu', 'cuda', 'eager', 'tfjs-node']) {
    expect(problemsOf({ ...smallest, training, device })).toEqual(['training.base_precision']);
    expect(problemsOf({ ...smallest, training: { ...training, device } })).toEqual([
      'training.base_precision',
    ]);
  }
});

test('recomputation is refused where TensorFlow.js computes', () => {
  expect(problemsOf({ ...smallest, training: { recompute: true }, device: 'eager' })).toEqual([
    'training.recompute',
  ]);
});

test('LoRA options that are not done are refused by name', () => {
  expect(problemsOf({ ...smallest, lora: { use_qalora: true } })).toEqual(['lora.use_qalora']);
});

test('what asks for nothing is passed over', () => {
  const idle = {
    validation_file: null,
    suffix: null,
    seed: null,
    metadata: null,
    method: null,
    hyperparameters: null,
    lora: null,
    training: null,
    device: null,
    init_adapter: null,
    integrations: [],
  };
  expect(parseJobCreate({ ...smallest, ...idle })).toEqual(parseJobCreate(smallest));
});

test('lora and training stay as they were written; seed and device come out of training', () => {
  const job = parseJobCreate({
    ...smallest,
    lora: { r: 4 },
    training: { seed: 3, device: 'eager', max_steps: 5 },
  });
  expect(job).toMatchObject({ lora: { r: 4 }, training: { max_steps: 5 }, seed: 3, device: 'eager' });
  expect(Object.keys(job.training)).toEqual(['max_steps']);
});

describe("OpenAI's hyperparameters", () => {
  const inMethod = (hyperparameters: object) => ({
    ...smallest,
    method: { type: 'supervised', supervised: { hyperparameters } },
  });

  test('become training options, `auto` becomes nothing', () => {
    expect(
      parseJobCreate(inMethod({ n_epochs: 2, batch_size: 'auto', learning_rate_multiplier: 0.1 })),
    ).toMatchObject({
      training: { n_epochs: 2 },
      learningRateMultiplier: 0.1,
    });
    expect(parseJobCreate({ ...smallest, hyperparameters: { batch_size: 4 } }).training).toEqual({
      batch_size: 4,
    });
  });

  test('may be given twice if they are equal', () => {
    const body = {
      ...inMethod({ n_epochs: 2 }),
      hyperparameters: { n_epochs: 2 },
      training: { n_epochs: 2 },
    };
    expect(problemsOf(body)).toEqual([]);
    expect(problemsOf({ ...body, hyperparameters: { n_epochs: 3 } })).toContain('hyperparameters.n_epochs');
  });

  test('of other methods are not done', () => {
    expect(problemsOf({ ...smallest, method: { type: 'reinforcement', reinforcement: {} } })).toEqual([
      'method.type',
    ]);
    expect(problemsOf({ ...smallest, method: { type: 'guess' } })).toEqual(['method.type']);
    expect(problemsOf(inMethod({ beta: 1 }))).toEqual(['method.supervised.hyperparameters.beta']);
  });
});

test('every problem of all parts is named, and a fix for each', () => {
  const body = {
    model: 7,
    lora: { r: 0 },
    training: { epochs: 1, learning_rate: 7 },
    seed: -1,
    colour: 'red',
  };
  const { problems } = refusalOf(body) as OptionsError;
  expect(problems.map(({ field }) => field).toSorted()).toEqual([
    'colour',
    'lora.r',
    'model',
    'seed',
    'training.epochs',
    'training.learning_rate',
    'training_file',
  ]);
  for (const { fix } of problems) expect(fix.length).toBeGreaterThan(5);
});

test('a configuration that would make every answer about the job huge is refused', () => {
  const layers = (count: number) =>
    Array.from({ length: count }, (_, i) => `model.layers.${i}.mlp.down_proj`);
  expect(parseJobCreate({ ...smallest, lora: { target_modules: layers(1000) } }).lora).not.toBeNull();
  const { problems } = refusalOf({ ...smallest, lora: { target_modules: layers(3000) } }) as OptionsError;
  expect(problems).toMatchObject([{ field: 'lora', fix: expect.stringContaining('regular expression') }]);
});

test('sample prompts that would make every answer about the job huge are refused', () => {
  const prompts = (length: number) => ({
    sample_prompts: Array.from({ length: 16 }, () => 'a'.repeat(length)),
  });
  expect(parseJobCreate({ ...smallest, training: prompts(10_000) }).options.sample_prompts).toHaveLength(16);
  const { problems } = refusalOf({ ...smallest, training: prompts(60_000) }) as OptionsError;
  expect(problems).toMatchObject([{ field: 'training', fix: expect.stringContaining('shorter') }]);
});

test('problems come before what is not done', () => {
  const method = { type: 'reinforcement' };
  expect(problemsOf({ ...smallest, seed: 'x', method })).toEqual(['seed']);
  expect(problemsOf({ ...smallest, method })).toEqual(['method.type']);
});

test.each([[null], [[]], ['text'], [7]])('%j is no job', (body) => {
  expect(problemsOf(body).length).toBeGreaterThan(0);
});

test('the list of jobs is filtered by the metadata that its query names', () => {
  expect(metadataFilter({ limit: 3 })).toBeUndefined();
  expect(metadataFilter({ metadata: 'null' })).toBeNull();
  expect(metadataFilter({ 'metadata[a]': '1', 'metadata[b c]': 'x', limit: 3 })).toEqual({
    a: '1',
    'b c': 'x',
  });
});
