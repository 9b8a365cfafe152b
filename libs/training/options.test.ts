import { describe, expect, test } from 'vitest';
import { UnsupportedError } from '#base/errors.js';
import { OptionsError } from '#base/field-problems.js';
import { deviceFor, parsedTrainingOptions, parseTrainingOptions } from '#training/options.js';

function problemsOf(input: unknown): readonly { field: string; problem: string; fix: string }[] {
  try {
    parseTrainingOptions(input);
  } catch (error) {
    if (error instanceof OptionsError) return error.problems;
    throw error;
  }
  return [];
}

test('no options at all are the documented defaults', () => {
  expect(parseTrainingOptions({})).toEqual({
    method: { type: 'supervised' },
    learning_rate: 'auto',
    lr_scheduler_type: 'linear',
    warmup_steps: 'auto',
    warmup_ratio: null,
    weight_decay: 0,
    adam_beta1: 0.9,
    adam_beta2: 0.999,
    adam_epsilon: 1e-8,
    max_grad_norm: 1,
    loraplus_lr_ratio: null,
    loraplus_lr_embedding: null,
    n_epochs: 'auto',
    max_steps: null,
    batch_size: 'auto',
    gradient_accumulation_steps: 1,
    block_length: 'auto',
    packing: true,
    seed: 42,
    eval_steps: 'auto',
    sample_prompts: [],
    sample_steps: 'auto',
    sample_max_tokens: 64,
    sample_temperature: 0,
    checkpoint_steps: 'auto',
    keep_checkpoints: 2,
    load_best_model_at_end: 'auto',
    recompute: 'auto',
    memory_limit_bytes: 'auto',
    base_precision: 'as-stored',
    device: 'cpu',
    threads: 'auto',
  });
});

test('prompts may be texts or messages', () => {
  const sample_prompts = ['Once', [{ role: 'user', content: 'Hello' }]];
  expect(parseTrainingOptions({ sample_prompts }).sample_prompts).toEqual(sample_prompts);
});

describe('the precision of the base', () => {
  test.each(['int8', 'int4'])(
    '%s runs where there are kernels for it, and is refused elsewhere',
    (base_precision) => {
      expect(parseTrainingOptions({ base_precision }).device).toBe('cpu');
      for (const device of ['webgpu', 'cuda', 'eager', 'tfjs-node', 'tfjs-node-gpu']) {
        const [problem, ...others] = problemsOf({ base_precision, device });
        expect(others).toEqual([]);
        expect(problem).toMatchObject({
          field: 'base_precision',
          fix: 'give as-stored, or choose another device',
          problem: expect.stringMatching(new RegExp(`${base_precision}.*${device}`)),
        });
        expect(problemsOf({ base_precision: 'as-stored', device })).toEqual([]);
      }
    },
  );

  test.each(['auto', 'bf16', 8])('%o is refused by name', (base_precision) => {
    expect(problemsOf({ base_precision })).toEqual([
      expect.objectContaining({
        field: 'base_precision',
        fix: expect.stringContaining('as-stored, int8, int4'),
      }),
    ]);
  });

  test('a job for any device gets the one with the kernels', () => {
    expect(deviceFor('int8', 'auto')).toBe('cpu');
    expect(deviceFor('int8', 'cpu')).toBe('cpu');
    expect(deviceFor('int4', 'auto')).toBe('cpu');
    expect(deviceFor('as-stored', 'auto')).toBe('auto');
  });
});

describe('bad options', () => {
  test.each([
    ['learning_rate', 0],
    ['learning_rate', Number.NaN],
    ['learning_rate', '2e-4'],
    ['lr_scheduler_type', 'polynomial'],
    ['warmup_steps', -1],
    ['warmup_ratio', 1.5],
    ['adam_beta1', 1],
    ['max_grad_norm', 0],
    ['loraplus_lr_ratio', 0.5],
    ['n_epochs', 0],
    ['max_steps', 1.5],
    ['batch_size', 0],
    ['batch_size', 257],
    ['block_length', 4],
    ['seed', 2 ** 53],
    ['sample_prompts', ['']],
    ['recompute', -1],
    ['device', 'tpu'],
    ['threads', 0],
  ])('%s %j is refused with its field and a fix', (field, value) => {
    const problems = problemsOf({ [field]: value });
    expect(problems.map((problem) => problem.field.split('.')[0])).toEqual([field]);
    expect(problems[0]!.fix).toMatch(/^give /);
  });

  test('every problem is named at once', () => {
    const problems = problemsOf({ learning_rate: -1, num_train_epochs: 3, packing: 'yes', colour: 1 });
    expect(problems.map(({ field }) => field).toSorted()).toEqual([
      'colour',
      'learning_rate',
      'num_train_epochs',
      'packing',
    ]);
    expect(problems.find(({ field }) => field === 'num_train_epochs')!.fix).toBe('write n_epochs');
  });

  test.each([
    ['max_steps', { n_epochs: 3, max_steps: 10 }],
    ['warmup_ratio', { warmup_steps: 3, warmup_ratio: 0.1 }],
    ['warmup_steps', { warmup_steps: 30, max_steps: 10 }],
    ['recompute', { device: 'eager', recompute: true }],
    ['loraplus_lr_embedding', { loraplus_lr_embedding: 1e-6 }],
  ])('a contradiction is told at %s', (field, options) => {
    expect(problemsOf(options).map((problem) => problem.field)).toEqual([field]);
  });

  test('options of other programs that are not done are named', () => {
    const options = { neftune_noise_alpha: 5, optim: 'sgd' };
    expect(() => parseTrainingOptions(options)).toThrow(UnsupportedError);
    expect(() => parseTrainingOptions(options)).toThrow(/neftune_noise_alpha, optim/);
  });

  test('something that is no object is refused', () => {
    expect(problemsOf([1])[0]).toMatchObject({ field: '(all)', fix: 'give an object' });
  });
});

test('options from another process are taken only where none is missing', () => {
  const options = parseTrainingOptions({ max_steps: 3 });
  expect(parsedTrainingOptions.parse(options)).toEqual(options);
  const { weight_decay: _, ...fewer } = options;
  expect(parsedTrainingOptions.safeParse(fewer).success).toBe(false);
  expect(parsedTrainingOptions.safeParse({ ...options, colour: 'red' }).success).toBe(false);
});
