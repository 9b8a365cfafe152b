import { describe, expect, test } from 'vitest';
import {
  ChoiceBook,
  chooseBatchSize,
  chooseBlockLength,
  chooseSchedule,
  type RunFacts,
} from '#training/auto-options.js';
import { parseTrainingOptions, type TrainingOptionsInput } from '#training/options.js';

function bookFor(options: TrainingOptionsInput = {}): ChoiceBook {
  return new ChoiceBook(parseTrainingOptions(options));
}

const lengths = (median: number, longest: number) => ({ median, longest });

describe('block_length', () => {
  test.each([
    { name: 'holds the longest example', data: lengths(100, 700), packing: true, context: 8192, value: 1024 },
    { name: 'holds four usual examples', data: lengths(120, 130), packing: true, context: 8192, value: 512 },
    {
      name: 'holds one example without packing',
      data: lengths(120, 130),
      packing: false,
      context: 8192,
      value: 256,
    },
    { name: 'ends at 2048', data: lengths(900, 9000), packing: true, context: 8192, value: 2048 },
    { name: 'ends at the context length', data: lengths(900, 9000), packing: true, context: 100, value: 100 },
    { name: 'is 64 at least', data: lengths(3, 5), packing: true, context: 8192, value: 64 },
  ])('$name', ({ data, packing, context, value }) => {
    expect(chooseBlockLength(bookFor(), data, packing, context)).toBe(value);
  });

  test('a written value is kept and is no choice', () => {
    const book = bookFor({ block_length: 333 });
    expect(chooseBlockLength(book, lengths(100, 700), true, 8192)).toBe(333);
    expect(book.choices).toEqual([]);
  });
});

describe('batch_size', () => {
  test('makes 1,024 tokens', () => expect(chooseBatchSize(bookFor(), 256, 10_000, 1)).toBe(4));
  test('is 1 for long blocks', () => expect(chooseBatchSize(bookFor(), 2048, 10_000, 1)).toBe(1));
  test('leaves small data 16 steps an epoch', () => expect(chooseBatchSize(bookFor(), 64, 64, 1)).toBe(4));
  test('counts accumulation as part of a step', () => expect(chooseBatchSize(bookFor(), 64, 64, 4)).toBe(1));
});

describe('what follows from the number of steps', () => {
  const facts: RunFacts = { hiddenSize: 4096, blocks: 400, batchSize: 2, validationBatches: 10 };
  const schedule = (options: TrainingOptionsInput = {}, changes: Partial<RunFacts> = {}) =>
    chooseSchedule(bookFor(options), parseTrainingOptions(options), { ...facts, ...changes });

  test('three epochs, 3% of them warm-up, ten evaluations', () => {
    expect(schedule()).toEqual({
      learning_rate: 2e-4,
      warmup_steps: 18,
      n_epochs: 3,
      max_steps: 600,
      eval_steps: 60,
      sample_steps: null,
      checkpoint_steps: 50,
      load_best_model_at_end: true,
      stepsPerEpoch: 200,
    });
  });

  test.each([
    [576, 5e-4],
    [2048, 3e-4],
    [8192, 1e-4],
  ])('a model of width %i gets the learning rate %f', (hiddenSize, rate) => {
    expect(schedule({}, { hiddenSize }).learning_rate).toBe(rate);
  });

  test('small data are seen more often, ten times at most', () => {
    expect(schedule({}, { blocks: 40 }).n_epochs).toBe(5);
    expect(schedule({}, { blocks: 4 }).n_epochs).toBe(10);
  });

  test('large data are seen once', () => {
    expect(schedule({}, { blocks: 5000 })).toMatchObject({ n_epochs: 1, max_steps: 2500 });
  });

  test('written epochs may end within an epoch', () => {
    expect(schedule({ n_epochs: 0.5 })).toMatchObject({ max_steps: 100 });
    expect(schedule({ n_epochs: 1.003 })).toMatchObject({ max_steps: 201 });
  });

  test('written steps are kept and told as epochs', () => {
    expect(schedule({ max_steps: 50 })).toMatchObject({ max_steps: 50, n_epochs: 0.25 });
  });

  test('a warm-up ratio is of all steps', () => {
    expect(schedule({ warmup_ratio: 0.1 }).warmup_steps).toBe(60);
  });

  test('an evaluation that takes long is done less often', () => {
    expect(schedule({}, { validationBatches: 200 }).eval_steps).toBe(200);
  });

  test('without validation data nothing is evaluated and the last adapter is the result', () => {
    expect(schedule({}, { validationBatches: 0 })).toMatchObject({
      eval_steps: null,
      load_best_model_at_end: false,
    });
  });

  test('every choice comes with its value and reason', () => {
    const book = bookFor();
    chooseSchedule(book, parseTrainingOptions({}), facts);
    expect(book.choices.map(({ option }) => option)).toEqual([
      'n_epochs',
      'learning_rate',
      'warmup_steps',
      'eval_steps',
      'sample_steps',
      'checkpoint_steps',
      'load_best_model_at_end',
    ]);
    expect(book.choices[1]).toEqual({
      option: 'learning_rate',
      value: 2e-4,
      reason: '2e-4 is usual for LoRA at width 4096, this model has 4096',
    });
  });
});
