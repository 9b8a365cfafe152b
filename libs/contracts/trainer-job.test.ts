import { describe, expect, test } from 'vitest';
import { parseTrainerJob, parseTrainerJobText } from '#contracts/trainer-job.js';
import { UnsupportedError } from '#base/errors.js';
import { OptionsError } from '#base/field-problems.js';

const smallest = { base_model: 'model', training_file: 'train.jsonl', output_folder: 'out' };

test('the smallest job gets every default and whole paths', () => {
  expect(parseTrainerJob(smallest, '/jobs')).toMatchObject({
    base_model: '/jobs/model',
    base_model_name: '/jobs/model',
    base_identity: null,
    training_file: '/jobs/train.jsonl',
    validation_file: null,
    lora: null,
    training: { learning_rate: 'auto', seed: 42 },
    init_adapter: null,
    exclusive: false,
    output_folder: '/jobs/out',
    cache_folder: '/jobs/out/cache',
    resume: false,
  });
});

describe('a bad job', () => {
  test('is refused with every problem of all its parts', () => {
    const job = {
      ...smallest,
      training_file: 7,
      model: 'x',
      lora: { r: 0, rank: 8 },
      training: { learning_rate: -1, epochs: 3 },
    };
    let caught: unknown;
    try {
      parseTrainerJob(job, '/jobs');
    } catch (error) {
      caught = error;
    }
    expect(caught).toBeInstanceOf(OptionsError);
    const { code, problems } = caught as OptionsError;
    expect(code).toBe('job_invalid');
    expect(problems.map(({ field }) => field).toSorted()).toEqual([
      'lora.r',
      'lora.rank',
      'model',
      'training.epochs',
      'training.learning_rate',
      'training_file',
    ]);
    for (const { fix } of problems) expect(fix.length).toBeGreaterThan(5);
  });

  test('that asks for what is not done names it', () => {
    const job = {
      ...smallest,
      method: { type: 'dpo' },
      lora: { use_qalora: true },
      training: { optim: 'lion' },
    };
    expect(() => parseTrainerJob(job, '/jobs')).toThrow(UnsupportedError);
    expect(() => parseTrainerJob(job, '/jobs')).toThrow(/method, training.optim, lora.use_qalora/);
  });

  test.each([[null], [[]], ['text']])('of %j is refused', (job) => {
    expect(() => parseTrainerJob(job, '/jobs')).toThrow(OptionsError);
  });

  test('that is no JSON is refused with its file', () => {
    expect(() => parseTrainerJobText('{', 'job.json')).toThrow(/job.json is not JSON/);
  });
});
