import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { type PlannedTime, planObject } from '#contracts/http/plans.js';
import { plan as answer } from '../test/answers.js';
import { Output } from './output.js';
import { planText } from './plan-text.js';

const output = new Output({
  stdout: new PassThrough(),
  stderr: new PassThrough(),
  json: false,
  colour: false,
});
const plan = planObject.parse(answer);
const training = plan.data!.training;

/** The line that begins with a word. */
function lineOf(start: string, changes: Partial<typeof plan> = {}): string | undefined {
  return planText({ ...plan, ...changes }, output)
    .split('\n')
    .find((line) => line.trimStart().startsWith(start));
}

const byJobs: PlannedTime = {
  low_seconds: 700,
  high_seconds: 1810,
  basis: 'jobs',
  jobs: 3,
  operations: 1.26e13,
  cores: null,
};

test.each<[string, PlannedTime | null, string]>([
  [
    'several jobs',
    byJobs,
    '12 min to 30 min once it runs, judged by the steps of 3 earlier jobs on this base model',
  ],
  [
    'one job and a narrow range',
    { ...byJobs, jobs: 1, low_seconds: 60.1, high_seconds: 60.4 },
    'about 60 s once it runs, judged by the steps of one earlier job on this base model',
  ],
  [
    'the processor',
    { ...byJobs, basis: 'operations', jobs: 0, cores: 6, low_seconds: 0.1, high_seconds: 8 },
    '1 s to 8 s once it runs, judged by its 1.3 * 10^13 operations and 6 processor cores; the first job will tell better',
  ],
  ['nothing', null, 'not known, no worker is there to judge by and no earlier job'],
])('the time is a range and what it is judged by: %s', (_, time, text) => {
  expect(lineOf('time:', { time })).toBe(`time: ${text}`);
});

test('where the adapter will run is told, and for other programs the export that does', () => {
  const runs_on = [
    { program: 'PEFT', runs: true, reason: null, export: null },
    { program: 'vLLM', runs: true, reason: 'started so', export: null },
    { program: 'llama.cpp', runs: false, reason: 'it reads GGUF', export: 'gguf' },
    { program: 'LoRAX', runs: false, reason: 'not read', export: null },
  ];
  expect(lineOf('will run on:', { runs_on })).toBe('will run on: PEFT, vLLM (started so)');
  expect(lineOf('llama.cpp', { runs_on })).toBe('  llama.cpp: as an export, gguf; it reads GGUF');
  expect(lineOf('LoRAX', { runs_on })).toBe('  LoRAX: no; not read');
});

test('no time is told of a job whose steps are not known', () => {
  expect(lineOf('time:', { total_steps: null, time: null })).toBeUndefined();
});

test.each([
  ['nothing is lost', {}, 'shortest 4 tokens, median 4, longest 5; none is cut'],
  [
    'long ones go on',
    { lengths: { ...training.lengths, max: 1700 } },
    'shortest 4 tokens, median 4, longest 1,700; none is cut, what is longer goes on in another block',
  ],
  [
    'some are cut',
    { truncated_examples: 1200, dropped_examples: 2 },
    'shortest 4 tokens, median 4, longest 5; 1,200 cut short, 2 left out as too long',
  ],
  [
    'only the beginning was counted',
    { truncated_examples: 30, estimated: true },
    'shortest 4 tokens, median 4, longest 5; about 30 cut short',
  ],
])('the lengths of the examples are told: %s', (_, changes, text) => {
  const data = { training, validation: { ...training, ...changes } };
  const lines = planText({ ...plan, data }, output).split('\n');
  const at = lines.findIndex((line) => line.startsWith('validation data:'));
  expect(lines[at + 1]).toBe(`  lengths: ${text}`);
  expect(lineOf('lengths:')).toBe('  lengths: shortest 4 tokens, median 4, longest 5; none is cut');
});
