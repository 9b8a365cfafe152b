import { describe, expect, test } from 'vitest';
import { cleanText, metricOf, recordsOf } from './run-records.js';

const step = {
  type: 'step' as const,
  step: 3,
  epoch: 0.1,
  loss: 2,
  accuracy: 0.5,
  grad_norm: 1,
  learning_rate: 0.01,
  tokens: 64,
  loss_tokens: 32,
  tokens_per_second: 900,
};

const chosen = {
  learning_rate: 0.001,
  warmup_steps: 1,
  n_epochs: 5,
  max_steps: 20,
  batch_size: 2,
  block_length: 64,
  eval_steps: null,
  sample_steps: null,
  checkpoint_steps: 2,
  load_best_model_at_end: false,
  recompute: 0,
  memory_limit_bytes: 1e9,
  threads: 2,
};

describe('a message of the trainer', () => {
  test('about a step is a metric and the speed', () => {
    const { type: _type, step: _step, ...values } = step;
    expect(recordsOf(step, 'cpu')).toEqual({
      metrics: [{ step: 3, kind: 'step', values }],
      facts: { tokensPerSecond: 900 },
    });
  });

  test('with samples is a metric without what Postgres refuses', () => {
    const answer = 'a\u0000b\ud83d\ude00\ud83d';
    const samples = [{ prompt: 'p', answer, finish_reason: 'stop' as const }];
    expect(recordsOf({ type: 'samples', step: 5, samples }, 'cpu').metrics).toEqual([
      {
        step: 5,
        kind: 'samples',
        values: { samples: [{ prompt: 'p', answer: 'a\ufffdb\ud83d\ude00\ufffd', finish_reason: 'stop' }] },
      },
    ]);
  });

  test('with the plan is facts of the job and an event', () => {
    const { facts, decided, events } = recordsOf(
      {
        type: 'plan',
        total_steps: 20,
        steps_per_epoch: 4,
        trainable_parameters: 10,
        adapter_bytes: 40,
        modules: [],
        whole_weights: [],
        choices: [{ option: 'batch_size', value: 2, reason: 'small' }],
        chosen,
        memory: null,
      },
      'cpu',
    );
    expect(decided).toEqual({
      device: 'cpu',
      chosen,
      choices: [{ option: 'batch_size', value: 2, reason: 'small' }],
    });
    expect(facts).toMatchObject({
      totalSteps: 20,
      plan: { total_steps: 20, trainable_parameters: 10, memory: null },
    });
    expect(events).toEqual([
      {
        level: 'info',
        code: 'job.planned',
        message: expect.any(String) as string,
        data: undefined,
        at: expect.any(Date) as Date,
      },
    ]);
  });

  test('that only the worker needs is nothing', () => {
    expect(recordsOf({ type: 'progress', stage: 'data', done: 1, total: 2 }, 'cpu')).toEqual({});
    expect(recordsOf({ type: 'log', level: 'info', message: 'x' }, 'cpu')).toEqual({});
  });
});

test('a line of the log is the metric of its message', () => {
  expect(metricOf(step)).toEqual(recordsOf(step, 'cpu').metrics![0]);
});

test('only broken characters are replaced', () => {
  expect(cleanText('za\u017c\u00f3\u0142\u0107 \u{1f600}\n')).toBe('za\u017c\u00f3\u0142\u0107 \u{1f600}\n');
});
