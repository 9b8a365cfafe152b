import { expect, test } from 'vitest';
import type { JobObject } from '#contracts/http/jobs.js';
import { JobCurves } from '../../charts/curves.js';
import { metricsOf, parseIds, resultsOf, settingsOf } from './runs.js';

function job(id: string, rest: Partial<JobObject> = {}): JobObject {
  return {
    id,
    suffix: null,
    model: 'tiny',
    training_file: 'file-1',
    validation_file: null,
    init_adapter: null,
    device: 'cpu',
    seed: 1,
    method: { type: 'supervised' },
    trained_tokens: 10,
    started_at: 100,
    finished_at: 160,
    plan: null,
    progress: { step: 2, total_steps: 2, tokens_per_second: null, seconds_left: null },
    resolved: {
      training: { learning_rate: 0.1, method: { type: 'supervised' } },
      lora: { r: 8, target_modules: ['q_proj', 'v_proj'] },
      device: 'cpu',
      seed: 1,
      reasons: [],
    },
    ...rest,
  } as JobObject;
}

function curves(training: readonly number[], validation: readonly number[]): JobCurves {
  const made = new JobCurves();
  const add = (kind: 'step' | 'evaluation', values: readonly number[]) =>
    values.forEach((loss, i) => made.add({ kind, step: i + 1, values: { loss } }));
  add('step', training);
  add('evaluation', validation);
  return made;
}

test('an address names each job once, and eight at most', () => {
  expect(parseIds('?jobs=ftjob-1,ftjob-2,ftjob-1,,a b')).toEqual(['ftjob-1', 'ftjob-2']);
  expect(parseIds(`?jobs=${Array.from({ length: 9 }, (_, i) => `ftjob-${i}`).join(',')}`)).toHaveLength(8);
  expect(parseIds('')).toEqual([]);
});

test('settings that differ stand apart from those that are equal, one that only one run has among them', () => {
  const one = job('ftjob-1');
  const resolved = {
    ...one.resolved,
    training: {
      learning_rate: 0.2,
      warmup: 3,
      n_epochs: 0.4785643070787637,
      memory_limit_bytes: 21_263_966_208,
      method: { type: 'supervised' },
    },
  };
  const { different, equal } = settingsOf([one, job('ftjob-2', { resolved })], (id) => `name of ${id}`);
  expect(different).toEqual([
    { name: 'learning_rate', values: ['0.1', '0.2'] },
    { name: 'warmup', values: ['–', '3'] },
    { name: 'n_epochs', values: ['–', '0.478564'] },
    { name: 'memory_limit_bytes', values: ['–', '21.3 GB'] },
  ]);
  expect(equal).toContainEqual({ name: 'Training data', values: ['name of file-1', 'name of file-1'] });
  expect(equal).toContainEqual({ name: 'lora.target_modules', values: ['q_proj, v_proj', 'q_proj, v_proj'] });
  expect(equal).toContainEqual({ name: 'method.type', values: ['supervised', 'supervised'] });
});

test('the least validation loss is the best, and equal results have no best', () => {
  const results = resultsOf([
    { job: job('ftjob-1'), curves: curves([3, 2], [2.5, 1.5, 2]) },
    { job: job('ftjob-2'), curves: curves([3, 2], [1.75]) },
    { job: job('ftjob-3', { finished_at: null }), curves: curves([], []) },
  ]);
  const of = (name: string) => results.find((result) => result.name === name)!;
  expect(of('Best validation loss')).toMatchObject({ values: [1.5, 1.75, null], best: new Set([0]) });
  expect(of('Last training loss')).toMatchObject({ values: [2, 2, null], best: new Set() });
  expect(of('Time').values).toEqual([60, 60, null]);
  expect(of('Best validation accuracy')).toBeUndefined();
});

test('a metric has a line for each run that has it, named by the run', () => {
  const runs = [
    { job: job('ftjob-1', { suffix: 'verse' }), curves: curves([1], []) },
    { job: job('ftjob-2', { method: { type: 'dpo' } as never }), curves: curves([1], []) },
  ];
  const metrics = metricsOf(runs);
  const loss = metrics.find(({ id }) => id === 'step:loss')!;
  expect(loss.name).toBe('Loss, training');
  expect(loss.lines.map((line) => [line?.label, line?.colour])).toEqual([
    ['verse', 'a'],
    ['ftjob-2', 'b'],
  ]);
  expect(metrics.find(({ id }) => id === 'step:margin')!.lines[0]).toBeNull();
});
